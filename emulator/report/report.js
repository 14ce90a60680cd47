"use strict";
// What the page can do beyond being read: choose rows, colours, open all. Without it everything is there, too.
const root = document.documentElement;
const sessions = () => document.querySelectorAll("details.session");

for (const button of document.querySelectorAll("button[data-show]")) {
  button.addEventListener("click", () => {
    document.body.dataset.show = button.dataset.show;
    for (const each of document.querySelectorAll("button[data-show]")) {
      each.setAttribute("aria-pressed", String(each === button));
    }
    if (button.dataset.show !== "all") sessions().forEach((each) => { each.open = true; });
  });
}
document.querySelector("#theme").addEventListener("click", () => {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
document.querySelector("#expand").addEventListener("click", () => sessions().forEach((each) => { each.open = true; }));
const reveal = () => {
  const row = location.hash && document.getElementById(location.hash.slice(1));
  const session = row && row.closest("details");
  if (!session) return;
  session.open = true;
  if (getComputedStyle(row).display === "none") document.querySelector('button[data-show="all"]').click();
  row.scrollIntoView({ block: "center" });
};
addEventListener("hashchange", reveal);
addEventListener("beforeprint", () => sessions().forEach((each) => { each.open = true; }));
reveal();
