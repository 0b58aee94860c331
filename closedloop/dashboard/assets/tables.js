/* Tables that can be sorted, searched and leafed through; only one leaf of them is in the page, and on paper more. */

const LEAF = 15;
const ON_PAPER = 200;

class SortedTable {
  constructor(host, key) {
    this.sheet = sheets[key];
    this.columns = this.sheet.columns
      .map((column, place) => ({ ...column, place }))
      .filter((column) => column.shown || (column.key === "client" && given.clients.length > 1));
    this.by = this.sheet.at[this.sheet.sort];
    this.down = true;
    this.leaf = 0;
    this.words = "";
    this.tools = {};
    this.build(host);
  }

  build(host) {
    const { key, title, note } = this.sheet;
    const name = `${key}-title`;
    this.search = make("input", { type: "search", autocomplete: "off" });
    this.search.addEventListener("input", () => { this.words = this.search.value.toLowerCase(); this.leaf = 0; this.show(); });
    this.body = make("tbody");
    this.heads = this.columns.map((column) => this.head(column));
    const table = make("table", { className: "sheet", "aria-labelledby": name },
      make("thead", {}, make("tr", {}, ...this.heads)), this.body);
    this.count = make("span", { role: "status" });
    this.back = this.leafing("‹", "Back", -1);
    this.forth = this.leafing("›", "Forth", 1);
    host.setAttribute("aria-labelledby", name);
    host.prepend(make("div", { className: "title" },
      make("h2", { id: name }, title),
      make("label", { className: "search" }, `${say("Search")} `, this.search)));
    host.append(
      make("div", { className: "scroll", tabindex: 0, role: "region", "aria-label": say("Table {title}", { title }) }, table),
      make("div", { className: "leaves" }, this.count, this.back, this.forth));
    if (note) host.append(make("p", { className: "quiet" }, note));
  }

  head(column) {
    const button = make("button", { type: "button" }, column.title);
    button.addEventListener("click", () => this.sortBy(column));
    return make("th", { scope: "col", className: `${column.kind} ${column.key}` }, button);
  }

  leafing(sign, name, step) {
    const button = make("button", { type: "button", "aria-label": say(name), title: say(name) }, sign);
    button.addEventListener("click", () => { this.leaf += step; this.show(); });
    return button;
  }

  sortBy(column) {
    this.down = this.by === column.place ? !this.down : column.kind !== "text";
    this.by = column.place;
    this.leaf = 0;
    this.show();
  }

  rows() {
    const { by, down, words } = this;
    const texts = this.columns.filter((column) => column.kind === "text" || column.kind === "time" || column.kind === "day");
    const hit = (row) => texts.some(({ kind, place }) => written(kind, row[place]).toLowerCase().includes(words));
    const found = words ? chosen(this.sheet.key).filter(hit) : chosen(this.sheet.key);
    const turn = down ? -1 : 1;
    return found.sort((one, other) => order(one[by], other[by], turn));
  }

  show(most = LEAF) {
    const rows = this.rows();
    const last = Math.max(0, Math.ceil(rows.length / LEAF) - 1);
    this.leaf = Math.min(Math.max(this.leaf, 0), last);
    const start = most === LEAF ? this.leaf * LEAF : 0;
    this.body.replaceChildren(...rows.slice(start, start + most).map((row) => this.row(row)));
    this.count.textContent = rows.length
      ? say("{first} to {last} of {all}", { first: whole.format(start + 1), last: whole.format(Math.min(start + most, rows.length)), all: whole.format(rows.length) })
      : say("nothing here");
    this.back.disabled = this.leaf === 0;
    this.forth.disabled = this.leaf === last;
    this.columns.forEach((column, place) => {
      const sorted = column.place === this.by ? (this.down ? "descending" : "ascending") : "none";
      this.heads[place].setAttribute("aria-sort", sorted);
    });
  }

  row(row) {
    return make("tr", {}, ...this.columns.map(({ key, kind, place }, first) => {
      const properties = { className: `${kind} ${key}`, ...(first ? {} : { scope: "row" }) };
      const content = key === "mailing" && this.sheet.key === "mailings" ? this.funnelOf(row, place) : written(kind, row[place]);
      return make(first ? "td" : "th", properties, content);
    }));
  }

  funnelOf(row, place) {
    const button = make("button", { type: "button", className: "link", title: say("Show the funnel of this mailing") }, row[place]);
    button.addEventListener("click", () => showFunnel(row));
    return button;
  }
}

/* Nothing comes last, whichever way a table is sorted. */
function order(one, other, turn) {
  if (one === other) return 0;
  if (one === null) return 1;
  if (other === null) return -1;
  return turn * (typeof one === "number" ? one - other : collator.compare(one, other));
}
