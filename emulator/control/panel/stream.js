// The events of the rig, followed once for all pages of a browser that show its panel.
//
// A browser opens six connections to a server. Were each page to follow for itself, the sixth would have none left for
// its requests, nor would all the others. Where there is no `SharedWorker` a page follows for itself all the same.

const SIGNALS = ["command", "card ready", "card powered", "card removed", "fault fired", "power off", "reset", "note"];
const RETRY = 1000; // milliseconds until a lost connection is tried again

// Follow the events for ever. tell(message): gets { link: "on" }, { link: "off" } and { event: JSON }.
// Return a function that returns how the link is.
function follow(tell) {
  let link = "wait";
  const change = (to) => {
    link = to;
    tell({ link });
  };
  const open = () => {
    const stream = new EventSource("events");
    stream.onopen = () => change("on");
    for (const signal of SIGNALS) stream.addEventListener(signal, (message) => tell({ event: message.data }));
    stream.onerror = () => {
      stream.close();
      change("off");
      setTimeout(open, RETRY);
    };
  };
  open();
  return () => link;
}

// In the worker: tell all pages.
if (self.SharedWorkerGlobalScope) {
  const pages = new Set();
  let link;
  self.onconnect = ({ ports: [page] }) => {
    pages.add(page);
    page.onmessage = () => pages.delete(page); // it has one thing to say: that it goes
    link ??= follow((message) => pages.forEach((each) => each.postMessage(message)));
    if (link() !== "wait") page.postMessage({ link: link() });
  };
}

// In a page: hear of every event from now on. hear(message): as `tell` above.
export function listen(hear) {
  if (!self.SharedWorker) {
    follow(hear);
    return;
  }
  const connect = () => {
    const { port } = new SharedWorker(import.meta.url, { type: "module" });
    port.onmessage = (message) => hear(message.data);
    addEventListener("pagehide", () => port.postMessage("bye"), { once: true });
  };
  connect();
  addEventListener("pageshow", (event) => event.persisted && connect()); // back from the browser's history
}
