// A list of many rows of which only those in sight are in the page.
//
// Rows that are closed have one of a few known heights; the height of an open row is measured when it is shown.
// The list stays at its end while events come, until somebody scrolls up; back at the end it follows again.

const AROUND = 12; // rows above and below those in sight

export class List {
  // scroller: the element that scrolls. height(item): height of a closed row in pixels. make(item, open): its element.
  constructor(scroller, { height, make, followed }) {
    this.scroller = scroller;
    this.height = height;
    this.make = make;
    this.followed = followed;
    this.items = [];
    this.open = new Map(); // number of an open row: its height, 0 if not measured yet
    this.current = null; // the item that the keyboard is at
    this.follow = true;
    this.shown = new Map(); // number of a row in the page: its element
    this.tops = new Float64Array(1024);
    this.space = document.createElement("div");
    this.space.className = "space-of-rows";
    this.space.setAttribute("role", "presentation");
    scroller.append(this.space);
    scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.resized()).observe(scroller);
  }

  // Show other items. Rows whose text has changed (another language) are made anew with `fresh`.
  set(items, fresh = false) {
    this.items = items;
    if (fresh) {
      for (const element of this.shown.values()) element.remove();
      this.shown.clear();
    }
    if (this.current && !items.includes(this.current)) this.current = null;
    this.layout(0);
    this.toEnd();
  }

  // Take items away from the front without moving what is in sight.
  drop(count) {
    if (!count) return;
    const gone = this.tops[count];
    for (const item of this.items.slice(0, count)) this.open.delete(item.number);
    this.items = this.items.slice(count);
    this.layout(0);
    if (!this.follow) this.scroller.scrollTop -= gone;
  }

  // Show further items behind the others.
  append(items) {
    const first = this.items.length;
    this.items.push(...items);
    this.layout(first);
    this.toEnd();
  }

  toggle(item) {
    if (this.open.has(item.number)) this.open.delete(item.number);
    else this.open.set(item.number, 0);
    this.shown.get(item.number)?.remove();
    this.shown.delete(item.number);
    this.layout(0);
    this.draw();
  }

  // Move the keyboard's row.
  move(step) {
    if (!this.items.length) return;
    const at = this.current ? this.items.indexOf(this.current) + step : this.items.length - 1;
    this.select(this.items[Math.max(0, Math.min(this.items.length - 1, at))]);
  }

  select(item) {
    this.current = item;
    const at = this.items.indexOf(item);
    const [top, bottom] = [this.tops[at], this.tops[at + 1]];
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    const inner = this.scroller.clientHeight;
    if (bottom > this.scroller.scrollTop + inner) this.scroller.scrollTop = bottom - inner;
    this.scrolled();
    this.mark();
  }

  get page() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / 28) - 1);
  }

  toEnd(force = false) {
    if (force) this.setFollow(true);
    if (this.follow) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.draw();
  }

  setFollow(follow) {
    if (follow === this.follow) return;
    this.follow = follow;
    this.followed(follow);
  }

  scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    this.setFollow(scrollTop + clientHeight >= scrollHeight - 8);
    this.draw();
  }

  // Another width wraps open rows in another way.
  resized() {
    for (const number of this.open.keys()) this.open.set(number, 0);
    this.toEnd();
  }

  layout(first) {
    const { items } = this;
    if (this.tops.length <= items.length) {
      const larger = new Float64Array(2 * items.length + 1);
      larger.set(this.tops);
      this.tops = larger;
    }
    let top = first ? this.tops[first] : 0;
    for (let at = first; at < items.length; at++) {
      this.tops[at] = top;
      top += this.open.get(items[at].number) || this.height(items[at]);
    }
    this.tops[items.length] = top;
    this.space.style.height = `${top}px`;
  }

  // Return the index of the row at a height.
  at(y) {
    let [low, high] = [0, this.items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.tops[middle + 1] <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  draw() {
    if (!this.fill()) return;
    // Open rows had their heights measured: everything below them moves.
    this.layout(0);
    if (this.follow) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.fill();
  }

  // Put the rows in sight into the page; return whether an open one had another height than thought.
  fill() {
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, this.at(scrollTop) - AROUND);
    const last = Math.min(this.items.length, this.at(scrollTop + clientHeight) + AROUND);
    const wanted = new Set();
    let measured = false;
    for (let at = first; at < last; at++) {
      const item = this.items[at];
      wanted.add(item.number);
      let element = this.shown.get(item.number);
      if (!element) {
        element = this.make(item, this.open.has(item.number));
        this.shown.set(item.number, element);
        this.space.append(element);
      }
      element.style.top = `${this.tops[at]}px`;
      element.setAttribute("aria-posinset", at + 1);
      element.setAttribute("aria-setsize", this.items.length);
      if (this.open.get(item.number) === 0) {
        this.open.set(item.number, element.offsetHeight);
        measured = true;
      }
    }
    for (const [number, element] of this.shown) {
      if (wanted.has(number)) continue;
      element.remove();
      this.shown.delete(number);
    }
    this.mark();
    return measured;
  }

  mark() {
    let active = "";
    for (const [number, element] of this.shown) {
      const selected = number === this.current?.number;
      element.setAttribute("aria-selected", selected);
      if (selected) active = element.id;
    }
    if (active) this.scroller.setAttribute("aria-activedescendant", active);
    else this.scroller.removeAttribute("aria-activedescendant");
  }
}
