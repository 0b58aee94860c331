/* Tiles, funnel and choices; everything is drawn anew when a choice changes. */

const tables = [...document.querySelectorAll("[data-sheet]")].map((host) => new SortedTable(host, host.dataset.sheet));

function totals(rows) {
  const { at } = sheets.mailings;
  const keys = ["recipients", "written", "delivered", "opens_unique", "automated_opens_unique", "clicks_unique", "unsubscribes", "bounced"];
  const figures = Object.fromEntries(keys.map((key) => [key, sum(rows, at[key])]));
  if (!rows.length || rows.some((row) => row[at.written] === null)) figures.written = null;
  return figures;
}

function showTiles(rows) {
  const all = totals(rows);
  const tiles = [
    ["Mailings", whole.format(rows.length), say("of the period chosen")],
    ["Delivered", whole.format(all.delivered), say("{share} of {all} mails", { share: written("share", share(all.delivered, all.recipients)), all: whole.format(all.recipients) })],
    ["Opened", written("share", share(all.opens_unique, all.delivered)), say("by people, {n} recipients", { n: whole.format(all.opens_unique) })],
    ["Clicked", written("share", share(all.clicks_unique, all.delivered)), say("{n} recipients", { n: whole.format(all.clicks_unique) })],
    ["Unsubscribed", written("share", share(all.unsubscribes, all.delivered)), say("{n} recipients", { n: whole.format(all.unsubscribes) })],
    ["Bounced", written("share", share(all.bounced, all.recipients)), say("{n} recipients", { n: whole.format(all.bounced) })],
  ];
  document.getElementById("tiles").replaceChildren(...tiles.map(([name, figure, more]) =>
    make("div", { className: "card" }, make("dt", {}, say(name)), make("dd", { className: "figure" }, figure), make("dd", { className: "quiet" }, more))));
}

function drawFunnel(title, all) {
  const steps = [
    ["Written", all.written, ""], ["Mailed", all.recipients, ""], ["Delivered", all.delivered, "good"],
    ["Opened by people", all.opens_unique, "people"], ["Opened by machines", all.automated_opens_unique, "machine"],
    ["Clicked", all.clicks_unique, "people"], ["Unsubscribed", all.unsubscribes, "bad"],
  ].filter(([, count]) => count !== null);
  const most = Math.max(1, ...steps.map(([, count]) => count));
  document.getElementById("funnel-title").textContent = title;
  document.getElementById("funnel").replaceChildren(...steps.map(([name, count, tone]) => {
    const length = make("span", { className: `length ${tone}`, "aria-hidden": "true" });
    length.style.width = `${100 * count / most}%`;
    const base = name === "Written" || name === "Mailed" ? null : share(count, name === "Delivered" ? all.recipients : all.delivered);
    return make("li", {}, make("span", { className: "name" }, say(name)), make("span", { className: "track" }, length),
      make("span", { className: "number" }, whole.format(count)), make("span", { className: "number quiet" }, base === null ? "" : percent.format(base)));
  }));
}

function showFunnel(row) {
  const { at } = sheets.mailings;
  drawFunnel(say("Mailing {id} of {day}", { id: row[at.mailing], day: written("time", row[at.started]) }), totals([row]));
  document.getElementById("funnel-back").hidden = false;
  const title = document.getElementById("funnel-title");
  title.focus({ preventScroll: true });
  title.closest(".card").scrollIntoView({ block: "center" });
}

function showAllInFunnel() {
  drawFunnel(say("All mailings of the period"), totals(chosen("mailings")));
  document.getElementById("funnel-back").hidden = true;
}

function showAll() {
  showTiles(chosen("mailings"));
  showAllInFunnel();
  tables.forEach((table) => table.show());
  document.querySelectorAll("[data-chart]").forEach(drawChart);
  document.querySelectorAll("[data-client]").forEach((node) => { node.hidden = Boolean(choice.client) && node.dataset.client !== choice.client; });
}

document.getElementById("filters").addEventListener("change", ({ target }) => {
  choice[target.name] = target.value;
  tables.forEach((table) => { table.leaf = 0; });
  showAll();
});
document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("funnel-back").addEventListener("click", () => {
  showAllInFunnel();
  document.getElementById("funnel-title").focus();
});
window.addEventListener("beforeprint", () => tables.forEach((table) => table.show(ON_PAPER)));
window.addEventListener("afterprint", () => tables.forEach((table) => table.show()));
document.getElementById("filters").reset();
showAll();
