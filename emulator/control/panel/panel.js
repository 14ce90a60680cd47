// The live panel of a rig. It uses nothing but the public requests of the control; text from a card stays text.

import { List } from "./list.js";
import { listen } from "./stream.js";
import { TEXTS } from "./texts.js";

const MOST = 10000; // events that the panel keeps, as many as the rig
const SLACK = 1000; // so many more are dropped at once, not one by one
const CALM = 150; // milliseconds between an event and a look at the card
const POLL = 2000; // milliseconds between looks at the readers: a card may come back by itself
const RETRY = 1000; // milliseconds until a lost connection is tried again
const THEMES = ["auto", "light", "dark"];
const TABS = ["state", "files", "faults", "snapshots"];
const MONEY = [
  ...["account_balance", "year_self_paid_total", "year_fund_total"],
  ...["passbook_balance", "overdraft_limit", "purse_balance", "electronic_cash_balance", "electronic_cash_limit"],
];
const FAMILIES = [[0xff00, 0x6100], [0xff00, 0x6c00], [0xfff0, 0x63c0]]; // status words that carry a number

const $ = (id) => document.getElementById(id);
const stored = (name, usual) => localStorage.getItem(`sscard.${name}`) ?? usual;
const store = (name, value) => localStorage.setItem(`sscard.${name}`, value);

const view = {
  language: stored("language", navigator.language.startsWith("zh") ? "zh" : "en"),
  theme: stored("theme", "auto"),
  tab: stored("tab", "state"),
  reader: 0, // the reader that is looked at
  link: "wait",
};
const rig = { readers: [], cards: new Map(), snapshots: [], kinds: [], timings: [], profiles: [], words: new Map() };
let events = []; // everything that passed and is kept
let last = 0; // number of the newest event
let cleared = 0; // number of the last event that is hidden
let text = TEXTS[view.language];

// -- small helpers ----------------------------------------------------------------------------

// Make an element. Children are elements or text; text is never read as markup.
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-")) {
      element.setAttribute(name, String(value));
      continue;
    }
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Replace what an element holds, if it differs; the focus and open sections stay where they were.
const keptKeys = new WeakMap();
function fill(element, key, make) {
  const signature = `${view.language} ${JSON.stringify(key)}`;
  if (keptKeys.get(element) === signature) return;
  keptKeys.set(element, signature);
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : "";
  const toggled = new Map();
  for (const each of element.querySelectorAll("details[data-key]")) toggled.set(each.dataset.key, each.open);
  element.replaceChildren(...[make()].flat());
  for (const each of element.querySelectorAll("details[data-key]")) {
    if (toggled.has(each.dataset.key)) each.open = toggled.get(each.dataset.key);
  }
  if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function button(key, label, act, properties = {}) {
  return h("button", { type: "button", "data-key": key, onclick: (event) => busy(event.currentTarget, act), ...properties }, label);
}

// Do something that takes a while: the button waits, and a refusal is shown.
async function busy(element, act) {
  if (element.getAttribute("aria-busy")) return;
  element.setAttribute("aria-busy", "true");
  try {
    await act();
  } catch (error) {
    complain(error.message);
  } finally {
    element.removeAttribute("aria-busy");
  }
}

function complain(sentence) {
  const close = () => message.remove();
  const message = h("p", { class: "message" }, h("span", {}, sentence), h("button", { type: "button", class: "quiet", "aria-label": text.close, onclick: close }, "×"));
  $("messages").append(message);
  setTimeout(close, 8000);
}

async function ask(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(path, options);
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error ?? answer.statusText);
  return content;
}

const grouped = (hex) => hex.replace(/(..)(?=.)/g, "$1 ");
const both = (thing) => (view.language === "zh" ? thing.zh || thing.text : thing.text);
const commandName = (event) => (view.language === "zh" && event.zh) || event.name;
const yuan = (fen) => `¥ ${(fen / 100).toLocaleString("en-US", { minimumFractionDigits: 2 })}`;
const cardOf = (place) => rig.cards.get(place);
const current = () => rig.readers[view.reader];

function clock(seconds) {
  const date = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const milli = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milli}`;
}

// -- language and colours ---------------------------------------------------------------------

function translate() {
  text = TEXTS[view.language];
  document.documentElement.lang = view.language === "zh" ? "zh-CN" : "en";
  document.title = `sscard · ${text.title}`;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = text[element.dataset.t];
  for (const element of document.querySelectorAll("[data-t-title]")) element.title = text[element.dataset.tTitle];
  for (const element of document.querySelectorAll("[data-t-placeholder]")) element.placeholder = text[element.dataset.tPlaceholder];
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", text[element.dataset.tLabel]);
  $("shortcuts").replaceChildren(...SHORTCUTS.flatMap(({ shown, name }) => [
    h("dt", {}, ...shown.map((key) => h("kbd", {}, key))),
    h("dd", {}, text.keyHelp[name]),
  ]));
  showLink();
  colour();
  fillChoices();
  render();
  refilter(true);
}

function colour() {
  const dark = view.theme === "dark" || (view.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  $("theme").textContent = text.theme[view.theme];
}

function nextLanguage() {
  view.language = view.language === "zh" ? "en" : "zh";
  store("language", view.language);
  translate();
}

function nextTheme() {
  view.theme = THEMES[(THEMES.indexOf(view.theme) + 1) % THEMES.length];
  store("theme", view.theme);
  colour();
}

function showLink() {
  $("link").textContent = text.link[view.link];
  $("link").dataset.link = view.link;
}

// -- readers ----------------------------------------------------------------------------------

function renderReaders() {
  const key = [rig.readers, view.reader];
  fill($("readers"), key, () => rig.readers.map(readerBox));
}

function readerBox(reader) {
  const { reader: place, card } = reader;
  const selected = place === view.reader;
  const faults = reader.faults.length;
  const badges = [
    card?.psam && h("span", { class: "badge" }, text.psam),
    card && card.timing !== "none" && h("span", { class: "badge" }, card.timing),
    faults > 0 && h("span", { class: "badge fault" }, text.armedCount(faults)),
  ];
  return h("div", { class: `reader${selected ? " selected" : ""}`, "data-reader": place, onclick: () => select(place) },
    h("div", { class: "title" },
      h("button", { type: "button", class: "name", "data-key": `name ${place}`, "aria-pressed": selected }, text.reader(place)),
      h("span", { class: card ? "lamp on" : "lamp" }),
      h("span", { class: "kind" }, card ? card.profile : text.empty)),
    h("p", { class: "mono faint", title: reader.name }, reader.name),
    card && h("p", { class: "atr mono", title: "ATR" }, grouped(card.atr)),
    badges.some(Boolean) && h("p", {}, ...badges),
    h("div", { class: "buttons" },
      ...(card
        ? [
            button(`remove ${place}`, text.remove, () => remove(place)),
            button(`swap ${place}`, text.swap, () => openInsert(place)),
            button(`reset ${place}`, text.resetCard, () => resetCard(place), { title: text.resetCardTitle }),
          ]
        : [button(`insert ${place}`, text.insert, () => openInsert(place), { class: "primary" })])));
}

async function select(place) {
  if (place < 0 || place >= rig.readers.length || place === view.reader) return;
  view.reader = place;
  rig.snapshots = [];
  render();
  if ($("mine").checked) refilter();
  await look(true);
}

async function remove(place) {
  if (rig.readers[place].card) await done(ask("POST", `readers/${place}/remove`));
}

async function resetCard(place) {
  if (rig.readers[place].card) await done(ask("POST", `readers/${place}/reset`));
}

// Wait for a request and show what it changed.
async function done(request) {
  const answer = await request;
  await look(true);
  return answer;
}

// -- inserting --------------------------------------------------------------------------------

let insertPlace = 0;

async function openInsert(place) {
  insertPlace = place;
  view.reader = place;
  const swap = rig.readers[place].card !== null;
  $("insert-title").textContent = swap ? text.swapTitle(place) : text.insertTitle(place);
  $("insert-go").textContent = swap ? text.swap : text.insert;
  $("insert-error").hidden = true;
  chooseSource();
  const [images, cards] = await Promise.all(["images", "cards"].map((path) => ask("GET", path).catch(() => [])));
  $("images").replaceChildren(
    ...images.map((value) => h("option", { value })),
    ...cards.map((each) => h("option", { value: `catalogue:${each.id}` }, view.language === "zh" ? each.zh : each.title)),
  );
  if (!$("insert").open) $("insert").showModal();
  $("insert-go").focus();
}

const source = () => document.querySelector("[name=source]:checked").value;

function chooseSource() {
  $("image-file").hidden = source() !== "image";
  $("new-card").hidden = source() === "image";
  $("user-card").hidden = source() !== "new";
}

async function insert() {
  const swap = rig.readers[insertPlace].card !== null;
  const fields = { new: ["profile", "pin", "region", "financial"], psam: ["region"], image: ["image"] }[source()];
  const body = source() === "psam" ? { image: "psam" } : {};
  for (const name of fields) {
    if ($(name).value.trim()) body[name] = $(name).value.trim();
  }
  try {
    await done(ask("POST", `readers/${insertPlace}/${swap ? "swap" : "insert"}`, body));
    $("insert").close();
  } catch (error) {
    $("insert-error").textContent = error.message;
    $("insert-error").hidden = false;
  }
}

// -- the card: state --------------------------------------------------------------------------

function renderDetail() {
  const reader = current();
  if (!reader) return;
  const card = reader.card && cardOf(view.reader);
  $("detail-title").textContent = text.reader(view.reader);
  $("detail-type").textContent = card ? `${card.profile} · ${card.algorithm}` : "";
  $("send-label").textContent = text.sendTo(text.reader(view.reader));
  for (const tab of TABS) {
    $(tab).hidden = tab !== view.tab;
    $(`tab-${tab}`).setAttribute("aria-selected", tab === view.tab);
    $(`tab-${tab}`).tabIndex = tab === view.tab ? 0 : -1;
  }
  const empty = () => h("p", { class: "none" }, text.noCard);
  fill($("state"), [view.reader, card], () => (card ? stateOf(card) : empty()));
  fill($("files"), [view.reader, card?.directories], () => (card ? filesOf(card) : empty()));
  fill($("snapshots"), [view.reader, !!card, rig.snapshots], () => (card ? snapshotsOf() : empty()));
  fill($("armed"), [view.reader, !!card, reader.faults], () => armedOf(reader));
  $("timing").value = reader.card?.timing ?? "none";
  for (const element of [...$("arm").elements, $("timing"), ...$("send").elements]) element.disabled = !reader.card;
  if (card) nameChoices(card);
}

function block(title, ...children) {
  return h("section", { class: "block" }, h("h3", {}, title), ...children);
}

// Let a long name of a data element wrap behind its underscores.
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, at) => (at ? [h("wbr"), part] : [part]));
}

function pairs(...rows) {
  return h("dl", { class: "pairs" }, ...rows.filter(Boolean).flatMap(([name, value]) => [h("dt", {}, ...breakable(name)), h("dd", {}, ...[value].flat())]));
}

function stateOf(card) {
  const { session } = card;
  const proven = session.proven.length
    ? session.proven.map((name) => h("span", { class: "badge good" }, name))
    : h("span", { class: "faint" }, text.nothingProven);
  const warnings = warningsOf(card);
  const money = moneyOf(card);
  const pins = keysOf(card).filter((key) => key.function === "pin");
  return [
    warnings.length > 0 && block(text.attention, h("ul", { class: "warnings" }, ...warnings.map((line) => h("li", {}, line)))),
    block(text.session, pairs(
      [text.currentDf, [h("span", { class: "mono" }, session.df), " ", h("span", { class: "faint" }, dfName(card, session.df))]],
      [text.currentEf, session.ef ? h("span", { class: "mono" }, session.ef) : h("span", { class: "faint" }, text.none)],
      [text.proven, proven],
      session.challenge && [text.challenge, text.challengeHeld],
      session.waiting > 0 && [text.waiting, text.bytes(session.waiting)],
    )),
    pins.length > 0 && block(text.pins, h("div", { class: "tiles" }, ...pins.map((pin) =>
      h("div", { class: "tile" }, h("span", { class: "label mono" }, `${pin.df}/${pin.name}`), tries(pin))))),
    money.length > 0 && block(text.money, h("div", { class: "tiles" }, ...money.map(({ name, file, amount }) =>
      h("div", { class: "tile" }, h("span", { class: "label", title: file }, name),
        h("span", { class: amount ? "amount" : "amount faint" }, yuan(amount)))))),
    block(text.keys, ...card.directories.filter((df) => df.keys.some((key) => key.function !== "pin")).map((df) => keyTable(card, df))),
  ].filter(Boolean);
}

const keysOf = (card) => card.directories.flatMap((df) => df.keys.map((key) => ({ ...key, df: df.label })));

function warningsOf(card) {
  const lines = card.blocked ? [text.cardBlocked] : [];
  for (const df of card.directories) {
    if (df.blocked) lines.push(text.dfBlocked(df.label));
    if (df.suspended) lines.push(text.dfSuspended(df.label));
  }
  for (const key of keysOf(card)) {
    if (key.tries === null || key.tries_max === null || key.tries >= key.tries_max) continue;
    const name = `${key.df}/${key.name}`;
    lines.push(key.tries ? text.keyTries(name, key.tries, key.tries_max) : text.keyBlocked(name));
  }
  return lines;
}

function moneyOf(card) {
  return card.directories.flatMap((df) => df.files).flatMap((file) =>
    MONEY.filter((name) => typeof file.elements?.[name] === "number")
      .map((name) => ({ name: elementName(file, name).replaceAll("_", " "), file: file.label, amount: file.elements[name] })));
}

function tries({ tries: left, tries_max: most }) {
  if (left === null || most === null) return h("span", { class: "faint" }, text.unlimited);
  const dots = most <= 8 ? "●".repeat(left) + "○".repeat(Math.max(0, most - left)) : "";
  const level = left === 0 ? "bad" : left < most ? "low" : "full";
  return h("span", { class: `tries ${level}`, title: text.triesTitle(left, most) }, h("span", { class: "dots", "aria-hidden": "true" }, dots), ` ${left}/${most}`);
}

// Keys of one name that do not differ share a line.
function keyTable(card, df) {
  const lines = new Map();
  for (const key of df.keys.filter((each) => each.function !== "pin")) {
    const same = JSON.stringify([key.name, key.function, key.cipher, key.state, key.tries, key.tries_max]);
    lines.set(same, { ...key, versions: [...(lines.get(same)?.versions ?? []), key.version] });
  }
  const rows = [...lines.values()].map((key) => h("tr", { class: key.state === "active" ? null : "faint" },
    h("td", { class: "mono", title: key.kid ? `KID ${key.kid}` : null }, key.name),
    h("td", {}, text.usages[key.function] ?? key.function),
    h("td", {}, key.cipher),
    h("td", {}, key.versions.length > 1 ? `${key.versions[0]}–${key.versions.at(-1)}` : `${key.versions[0]}`),
    h("td", {}, key.state === "active" ? tries(key) : text.keyStates[key.state])));
  const open = df.label === card.session.df || df.kind !== "adf" || rows.length < 4;
  return h("details", { "data-key": `keys ${df.path}`, open },
    h("summary", {}, h("span", { class: "mono" }, df.label), " ", h("span", { class: "faint" }, dfName(card, df.label))),
    h("table", {},
      h("thead", {}, h("tr", {}, ...["keyName", "usage", "cipher", "version", "tries"].map((name) => h("th", {}, text[name])))),
      h("tbody", {}, ...rows)));
}

// Return the name of a DF: its own if that is text, or the label by which a directory lists it.
const gb = new TextDecoder("gb18030", { fatal: true });
function dfName(card, label) {
  const df = card.directories.find((each) => each.label === label);
  if (!df) return "";
  for (const file of card.directories.flatMap((each) => each.files)) {
    for (const value of (file.records ?? []).flatMap((record) => Object.values(record.elements))) {
      if (value?.aid?.hex === df.name && value.label) return value.label;
    }
  }
  try {
    const name = gb.decode(bytes(df.name));
    return /[\p{Cc}\p{Co}\p{Cn}]/u.test(name) ? "" : name;
  } catch {
    return "";
  }
}

function bytes(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

// -- the card: files --------------------------------------------------------------------------

const elementName = (file, name) => (view.language === "zh" && file.names?.[name]) || name;

function filesOf(card) {
  return card.directories.map((df) => h("details", { class: "df", "data-key": `df ${df.path}`, open: df.kind !== "adf" },
    h("summary", {},
      h("span", { class: "mono" }, df.label), " ", h("span", { class: "faint" }, dfName(card, df.label)),
      df.phase !== "operational" && h("span", { class: "badge" }, text.phases[df.phase] ?? df.phase)),
    ...df.files.map((file) => fileBox(df, file))));
}

function fileBox(df, file) {
  const short = file.label.split("/").pop();
  const rule = (name, condition) => h("span", {}, `${name} `, h("span", { class: "mono" }, text.conditions[condition] ?? condition));
  const summary = h("summary", {},
    h("span", { class: "mono" }, short),
    h("span", { class: "structure" }, text.structures[file.structure] ?? file.structure),
    h("span", { class: "rules faint" }, rule(text.read, file.read), rule(text.update, file.update)));
  const details = h("details", { class: "ef", "data-key": `ef ${df.path} ${file.label} ${file.sfi}` }, summary);
  // What is in it is made when somebody looks: a card has many files.
  const show = () => {
    if (details.childElementCount === 1) details.append(contentsOf(file));
  };
  details.addEventListener("toggle", () => details.open && show());
  return details;
}

function contentsOf(file) {
  if (!file.records) return h("div", { class: "contents" }, elementList(file, file.elements), hexBox(file.hex));
  if (!file.records.length) return h("p", { class: "none" }, text.noRecords);
  return h("div", { class: "contents" }, ...file.records.map((record, at) => h("div", { class: "record" },
    h("span", { class: "faint" }, text.record(at + 1)), elementList(file, record.elements), hexBox(record.hex))));
}

function hexBox(hex) {
  return h("p", { class: "hex mono" }, /^(00)*$/.test(hex) && hex.length > 32 ? `00 × ${hex.length / 2}` : grouped(hex));
}

function elementList(file, elements) {
  const rows = Object.entries(elements ?? {}).map(([name, value]) => [elementName(file, name), valueOf(file, value)]);
  return rows.length ? pairs(...rows) : null;
}

function valueOf(file, value) {
  if (value === null || typeof value !== "object") return `${value}`;
  if ("hex" in value && Object.keys(value).length === 1) {
    return h("span", { class: "mono" }, /^(00)*$/.test(value.hex) && value.hex.length > 32 ? `00 × ${value.hex.length / 2}` : grouped(value.hex));
  }
  return elementList(file, value) ?? "";
}

// -- the card: faults, timing, snapshots ------------------------------------------------------

function armedOf(reader) {
  const place = reader.reader;
  const rows = reader.faults.map((fault) => h("li", { class: fault.fired ? "fired" : null },
    h("span", { class: "mono" }, fault.text),
    h("span", { class: "faint" }, text.fired(fault.fired)),
    button(`disarm ${fault.fault}`, text.disarm, () => done(ask("DELETE", `readers/${place}/faults/${fault.fault}`)))));
  return block(text.armed,
    rows.length ? h("ul", { class: "armed" }, ...rows) : h("p", { class: "none" }, text.noFaults),
    rows.length > 1 && h("div", { class: "end" }, button("disarm all", text.disarmAll, () => done(ask("DELETE", `readers/${place}/faults`)))));
}

function fillChoices() {
  const kept = { kind: $("kind").value, timing: $("timing").value, profile: $("profile").value };
  const layers = [...new Set(rig.kinds.map((kind) => kind.layer))];
  $("kind").replaceChildren(...layers.map((layer) => h("optgroup", { label: text.layers[layer] ?? layer },
    ...rig.kinds.filter((kind) => kind.layer === layer).map((kind) => h("option", { value: kind.name }, kind.name)))));
  $("timing").replaceChildren(...[...rig.timings].sort((a, b) => (b.name === "none") - (a.name === "none")).map((way) => h("option", { value: way.name }, way.name)));
  $("profile").replaceChildren(...rig.profiles.filter((each) => each.name !== "psam").map((each) => h("option", { value: each.name }, `${each.name} · ${text.profiles[each.name] ?? each.text}`)));
  $("kind").value = kept.kind || "status";
  $("timing").value = kept.timing || "none";
  $("profile").value = kept.profile || "ssc-2.0";
  showKind();
  showTiming();
}

function showTiming() {
  const way = rig.timings.find((each) => each.name === $("timing").value);
  $("timing-text").textContent = way ? both(way) : "";
}

// Draw the form of a kind of fault from what the rig says of it.
function showKind() {
  const kind = rig.kinds.find((each) => each.name === $("kind").value);
  if (!kind) return;
  const given = new Map([...$("parameters").querySelectorAll("[name]")].map((each) => [each.name, each.value]));
  $("kind-text").textContent = both(kind);
  $("selector").hidden = !kind.selector.length;
  const inWords = (values) => (text.values ?? []).reduce((made, [pattern, words]) => made.replace(pattern, words), values);
  $("parameters").replaceChildren(...kind.parameters.flatMap((each) => {
    const id = `parameter-${each.name}`;
    const choices = each.values.split(", ");
    const words = choices.length > 1 && choices.every((word) => /^[a-z-]+$/.test(word)) && choices.includes(each.default);
    const input = words
      ? h("select", { id, name: each.name }, ...choices.map((word) => h("option", { value: word, selected: word === each.default }, word)))
      : h("input", { id, name: each.name, autocomplete: "off", required: each.required, placeholder: each.default || inWords(each.values),
          title: inWords(each.values), list: each.name === "key" ? "key-names" : null });
    if (given.get(each.name)) input.value = given.get(each.name);
    return [h("label", { for: id, title: inWords(each.values) }, h("span", { class: "mono" }, each.name), " ", h("small", {}, both(each))), input];
  }));
  $("parameters").hidden = !kind.parameters.length;
}

async function arm() {
  const body = { name: $("kind").value };
  const named = [...$("parameters").querySelectorAll("[name]")].map((each) => [each.name, each]);
  const chosen = $("selector").hidden ? [] : ["on", "file", "nth", "times"].map((name) => [name, $(name)]);
  for (const [name, input] of [...chosen, ...named]) {
    if (input.value.trim()) body[name] = input.value.trim();
  }
  await done(ask("POST", `readers/${view.reader}/faults`, body));
}

// Offer the files and keys that this card has.
function nameChoices(card) {
  const labels = [...new Set(card.directories.flatMap((df) => [df.label, ...df.files.map((file) => file.label)]))];
  const names = [...new Set(keysOf(card).map((key) => key.name))].sort();
  const options = (values) => values.map((value) => h("option", { value }));
  fill($("labels"), labels, () => options(labels));
  fill($("key-names"), names, () => options(names));
}

function snapshotsOf() {
  const place = view.reader;
  const rows = rig.snapshots.map((number) => h("li", {},
    h("span", {}, text.snapshot(number)),
    button(`restore ${number}`, text.restore, () => done(ask("POST", `readers/${place}/snapshots/${number}/restore`)))));
  return block(text.snapshots,
    h("p", { class: "note" }, text.snapshotText),
    h("div", {}, button("take", text.takeSnapshot, () => done(ask("POST", `readers/${place}/snapshots`)), { class: "primary" })),
    rows.length ? h("ul", { class: "armed" }, ...rows) : h("p", { class: "none" }, text.noSnapshots));
}

// -- looking at the rig -----------------------------------------------------------------------

let looking = null;
let again = false;

// Ask for the readers, and for the card that is looked at; one question at a time, the newest wish last.
async function look(whole) {
  if (looking) {
    again ||= whole;
    return looking;
  }
  looking = lookOnce(whole).catch(() => {}).finally(() => (looking = null));
  await looking;
  if (again) {
    again = false;
    await look(true);
  }
}

async function lookOnce(whole) {
  const readers = await ask("GET", "readers");
  const changed = readers.filter((reader) => reader.card?.atr !== rig.readers[reader.reader]?.card?.atr);
  rig.readers = readers;
  const wanted = new Set(changed.map((reader) => reader.reader));
  if (whole) wanted.add(view.reader);
  for (const place of wanted) {
    if (!readers[place]?.card) rig.cards.delete(place);
    // It may be gone by now: then it is shown so at the next look.
    else rig.cards.set(place, await ask("GET", `readers/${place}/card`).catch(() => undefined));
  }
  if (wanted.has(view.reader)) rig.snapshots = await ask("GET", `readers/${view.reader}/snapshots`).catch(() => []);
  render();
}

let waiting = 0;
function lookSoon() {
  if (!waiting) waiting = setTimeout(() => ((waiting = 0), look(true)), CALM);
}

function render() {
  renderReaders();
  renderDetail();
}

// -- the exchange -----------------------------------------------------------------------------

const ACCEPTED = /^(90|61|6C)/;
const refused = (event) => event.kind === "command" && !ACCEPTED.test(event.sw ?? "");
const reasonOf = (event) => (view.language === "zh" && event.reason_zh) || event.reason;
const second = (event) => (event.kind === "fault" || refused(event) ? reasonOf(event) || meaningOf(event) : "");
const placeOf = (event) => rig.readers.findIndex((reader) => reader.name === event.reader);

function toneOf(event) {
  if (event.kind === "fault") return "fault";
  if (event.kind !== "command") return "quiet";
  if (refused(event)) return "refused";
  return event.sw.startsWith("90") ? "good" : "normal";
}

function meaningOf(event) {
  if (view.language === "en") return event.meaning ?? "";
  const word = parseInt(event.sw, 16);
  const exact = rig.words.get(event.sw);
  if (exact && !exact.zh.includes("{}")) return exact.zh;
  for (const [mask, base] of FAMILIES) {
    const family = rig.words.get(base.toString(16).toUpperCase());
    if (family && (word & mask) === base) return family.zh.replace("{}", (word & ~mask & 0xffff) || (base === 0x63c0 ? 0 : 256));
  }
  return event.meaning ?? "";
}

// Return the decoded content; in Chinese with the standard's names of the data elements of its file.
function contentOf(event) {
  const content = event.fields ?? "";
  if (view.language !== "zh" || event.kind !== "command") return content;
  // What stands behind the colon is the card's: of that only the names of its data elements are exchanged.
  const [head, ...rest] = content.split(/(: .*)/s);
  const chinese = text.phrases.reduce((made, [pattern, words]) => made.replace(pattern, words), head);
  const names = Object.assign({}, ...(cardOf(placeOf(event))?.directories ?? [])
    .flatMap((df) => df.files).filter((file) => file.label === event.file).map((file) => file.names));
  return (chinese + rest.join("")).replace(/(^|[:,;=] ?| )([a-z][a-z0-9_]*)(?= |$)/g, (all, before, word) =>
    Object.hasOwn(names, word) && names[word] ? before + names[word] : all);
}

function makeRow(event, open) {
  const tone = toneOf(event);
  const place = placeOf(event);
  const isCommand = event.kind === "command";
  const name = isCommand ? commandName(event) : event.kind === "fault" ? `${text.kinds.fault} ${event.name}` : (text.kinds[event.kind] ?? event.kind);
  const line = h("div", { class: "line" },
    h("span", { class: "time mono" }, clock(event.time)),
    h("span", { class: "place", title: event.reader }, place < 0 ? "" : `${place}`),
    h("span", { class: "name", title: isCommand ? event.name : null }, name),
    h("span", { class: "file mono" }, event.file ?? ""),
    h("span", { class: "fields" }, event.kind === "fault" ? event.fields : contentOf(event)),
    h("span", { class: "ms" }, event.seconds >= 0.00005 ? (event.seconds * 1000).toFixed(1) : ""),
    h("span", { class: "sw mono", title: event.sw ? meaningOf(event) : null }, event.sw ?? ""));
  const why = second(event);
  return h("div", { class: `row ${tone}`, id: `event-${event.number}`, role: "treeitem", "aria-expanded": open, "aria-level": 1,
    "data-number": event.number },
    line, why && h("p", { class: "why" }, why), open && openedOf(event));
}

function openedOf(event) {
  const parts = text.parts;
  const isCommand = event.kind === "command";
  const rows = [
    [parts.number, `${event.number} · ${event.reader ?? ""}`],
    isCommand && [parts.name, [event.zh, event.name].filter(Boolean).join(" · ")],
    event.apdu && [text.apdu, h("span", { class: "apdu" }, ...apduParts(event.apdu).map(([label, hex]) =>
      h("span", { class: "part" }, h("small", {}, label), h("span", { class: "mono" }, grouped(hex)))))],
    isCommand && [parts.response, h("span", { class: "mono" }, event.answer ? grouped(event.answer) : h("span", { class: "faint" }, text.noData))],
    event.sw && ["SW", [h("span", { class: "mono" }, event.sw), ` ${meaningOf(event)}`, event.clause ? h("span", { class: "faint" }, ` (${event.clause})`) : ""]],
    event.fields && [parts.fields, contentOf(event).split("; ").map((part) => h("span", { class: "field" }, part))],
    event.reason && [parts.reason, reasonOf(event)],
    event.seconds && [parts.took, `${(event.seconds * 1000).toFixed(3)} ms`],
  ];
  return h("div", { class: "opened" }, pairs(...rows));
}

// Cut a command APDU into its parts; masked bytes are ** each.
function apduParts(apdu) {
  const at = (from, to) => apdu.slice(2 * from, to === undefined ? undefined : 2 * to);
  const length = apdu.length / 2;
  if (length < 4) return [["", apdu]];
  const header = [["CLA", at(0, 1)], ["INS", at(1, 2)], ["P1", at(2, 3)], ["P2", at(3, 4)]];
  if (length === 4) return header;
  if (length === 5) return [...header, ["Le", at(4)]];
  const extended = at(4, 5) === "00" && length >= 7;
  const size = extended ? 3 : 1;
  if (extended && length === 7) return [...header, ["Le", at(4)]];
  const count = parseInt(at(4, 4 + size), 16);
  const end = 4 + size + count;
  const parts = [...header, ["Lc", at(4, 4 + size)], ["Data", at(4 + size, end)]];
  return length > end ? [...parts, ["Le", at(end)]] : parts;
}

const list = new List($("exchange"), {
  height: (event) => (event.kind === "fault" || refused(event) ? 46 : 27),
  make: makeRow,
  followed: (follow) => ($("follow").hidden = follow),
});

// Return whether an event is to be seen: by number, reader, kind and the words of the filter.
function wantedNow() {
  const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const show = $("show").value;
  const reader = $("mine").checked ? current()?.name : "";
  return (event) =>
    event.number > cleared &&
    (!reader || event.reader === reader) &&
    (show === "all" || (show === "commands" && event.kind === "command") ||
      (show === "refusals" && refused(event)) || (show === "faults" && event.kind === "fault")) &&
    (!words.length || words.every((word) => haystack(event).includes(word)));
}

function haystack(event) {
  event.search ??= [event.kind, event.name, event.zh, event.file, event.fields, event.apdu, event.answer, event.sw, event.meaning, event.reason, event.reason_zh]
    .filter(Boolean).join("\n").toLowerCase();
  return event.search;
}

function refilter(fresh = false) {
  list.set(events.filter(wantedNow()), fresh);
  showCount();
}

function showCount() {
  $("count").textContent = text.count(list.items.length, events.length);
  $("nothing").hidden = list.items.length > 0;
}

let fresh = [];
function take(event) {
  if (event.number <= last) return;
  last = event.number;
  fresh.push(event);
  if (fresh.length === 1) setTimeout(flush, 30);
}

function flush() {
  const taken = fresh;
  fresh = [];
  if (!taken.length) return;
  events.push(...taken);
  if (events.length > MOST + SLACK) {
    const first = events[events.length - MOST].number;
    events = events.slice(-MOST);
    let gone = 0;
    while (gone < list.items.length && list.items[gone].number < first) gone++;
    list.drop(gone);
  }
  list.append(taken.filter(wantedNow()));
  showCount();
  lookSoon();
}

function clear() {
  cleared = last;
  refilter();
}

// -- following --------------------------------------------------------------------------------

// Hear of events, and of the link to the rig.
let held = null; // events that come while those of before are asked for
let round = 0; // number of the newest attempt to ask for them
function hear({ link, event }) {
  if (link === "on") catchUp();
  else if (link) lost();
  else if (held) held.push(JSON.parse(event));
  else take(JSON.parse(event));
}

function lost() {
  round++;
  held = null;
  linked("off");
}

// Take everything that was missed. A rig that numbers anew is another one: forget what was.
async function catchUp() {
  const mine = ++round;
  held = [];
  try {
    let missed = await ask("GET", `trace?format=json&after=${Math.max(0, last - 1)}`);
    if (last && missed[0]?.number !== last) {
      [events, fresh, last, cleared] = [[], [], 0, 0];
      refilter(true);
      missed = await ask("GET", "trace?format=json");
    }
    if (mine !== round) return; // the link was lost meanwhile
    [...missed, ...held].forEach(take);
    held = null;
    flush();
    await start();
    if (mine === round) linked("on");
  } catch {
    if (mine !== round) return;
    linked("off");
    setTimeout(() => mine === round && catchUp(), RETRY);
  }
}

function linked(link) {
  view.link = link;
  showLink();
}

// Ask for what can be chosen, and for the readers.
async function start() {
  const [kinds, timings, profiles, commands, words] = await Promise.all(
    ["faults", "timings", "profiles", "commands", "status-words"].map((path) => ask("GET", path)));
  Object.assign(rig, { kinds, timings, profiles, words: new Map(words.map((each) => [each.sw, each])) });
  $("commands").replaceChildren(...commands.map((each) => h("option", { value: each.name, label: each.zh.join("、") })));
  fillChoices();
  await look(true);
  for (const place of rig.readers.keys()) {
    if (rig.readers[place].card && !cardOf(place)) rig.cards.set(place, await ask("GET", `readers/${place}/card`));
  }
  refilter(true);
}

// -- keyboard and mouse -----------------------------------------------------------------------

function openTab(tab) {
  view.tab = tab;
  store("tab", tab);
  renderDetail();
}

// One table of the keys: what is pressed, what the help shows, what it does.
const SHORTCUTS = [
  { keys: "0123456789", shown: ["0", "…", "9"], name: "select", act: (key) => select(Number(key)) },
  { keys: "i", shown: ["i"], name: "insert", act: () => current() && openInsert(view.reader) },
  { keys: "r", shown: ["r"], name: "remove", act: () => remove(view.reader) },
  { keys: "w", shown: ["w"], name: "reset", act: () => resetCard(view.reader) },
  { keys: "sefn", shown: ["s", "e", "f", "n"], name: "tabs", act: (key) => openTab(TABS["sefn".indexOf(key)]) },
  { keys: "/", shown: ["/"], name: "filter", act: () => $("filter").focus() },
  { keys: "", shown: ["↑", "↓", "Page Up", "Page Down", "Home"], name: "rows" },
  { keys: "", shown: ["Enter", "Space"], name: "open" },
  { keys: "g", shown: ["g", "End"], name: "end", act: () => list.toEnd(true) },
  { keys: "l", shown: ["l"], name: "language", act: nextLanguage },
  { keys: "d", shown: ["d"], name: "theme", act: nextTheme },
  { keys: "?", shown: ["?"], name: "help", act: () => $("keys").showModal() },
];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) {
    if (event.key === "Escape") {
      event.preventDefault(); // a browser would empty a search field, now and then before the focus has left it
      event.target.blur();
    }
    return;
  }
  const found = SHORTCUTS.find(({ keys }) => event.key.length === 1 && keys.includes(event.key));
  if (!found) return;
  event.preventDefault();
  Promise.resolve(found.act(event.key)).catch((error) => complain(error.message));
});

const MOVES = {
  ArrowDown: () => list.move(1),
  ArrowUp: () => list.move(-1),
  PageDown: () => list.move(list.page),
  PageUp: () => list.move(-list.page),
  Home: () => list.move(-Infinity),
  End: () => {
    list.toEnd(true);
    list.move(Infinity);
  },
  Enter: () => list.current && list.toggle(list.current),
  " ": () => list.current && list.toggle(list.current),
};

$("exchange").addEventListener("keydown", (event) => {
  const move = MOVES[event.key];
  if (!move) return;
  event.preventDefault();
  move();
});

$("exchange").addEventListener("click", (event) => {
  const row = event.target.closest(".line")?.parentElement;
  const item = row && list.items.find((each) => each.number === Number(row.dataset.number));
  if (!item) return;
  list.current = item;
  list.toggle(item);
});

$("tabs").addEventListener("click", (event) => {
  if (event.target.id.startsWith("tab-")) openTab(event.target.id.slice(4));
});
$("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  openTab(TABS[(TABS.indexOf(view.tab) + step + TABS.length) % TABS.length]);
  $(`tab-${view.tab}`).focus();
});

$("follow").addEventListener("click", () => list.toEnd(true));
$("filter").addEventListener("input", () => refilter());
$("show").addEventListener("change", () => refilter());
$("mine").addEventListener("change", () => refilter());
$("clear").addEventListener("click", clear);
$("language").addEventListener("click", nextLanguage);
$("theme").addEventListener("click", nextTheme);
$("help").addEventListener("click", () => $("keys").showModal());
$("rig-reset").addEventListener("click", (event) => busy(event.currentTarget, () => done(ask("POST", "reset"))));
$("kind").addEventListener("change", showKind);
$("timing").addEventListener("change", () => {
  showTiming();
  busy($("timing"), () => done(ask("PUT", `readers/${view.reader}/timing`, { timing: $("timing").value })));
});
for (const each of document.querySelectorAll("[name=source]")) each.addEventListener("change", chooseSource);
$("insert-cancel").addEventListener("click", () => $("insert").close());

function onSubmit(id, act) {
  $(id).addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.submitter ?? $(id), act);
  });
}
onSubmit("arm", arm);
onSubmit("send", () => done(ask("POST", `readers/${view.reader}/transmit`, { apdu: $("apdu").value })));
$("insert").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  busy($("insert-go"), insert);
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", colour);
setInterval(() => !document.hidden && view.link === "on" && look(false), POLL);
document.addEventListener("visibilitychange", () => !document.hidden && lookSoon());

translate();
listen(hear);
