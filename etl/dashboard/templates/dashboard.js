"use strict";
const comparer = new Intl.Collator("en", { numeric: true });

function compare(one, other) {
  const [first, second] = [one, other].map((cell) => cell.dataset.value);
  if (first !== undefined || second !== undefined) return Number(first ?? -Infinity) - Number(second ?? -Infinity);
  return comparer.compare(one.textContent, other.textContent);
}

function sort(header) {
  const table = header.closest("table");
  const body = table.tBodies[0];
  const descending = header.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const rows = [...body.rows].sort((one, other) => {
    const order = compare(one.cells[header.cellIndex], other.cells[header.cellIndex]);
    return descending ? -order : order;
  });
  body.append(...rows);
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sort(button.closest("th")));
}

// Style sheets open what is folded; where they cannot, it is done here.
if (!CSS.supports("selector(::details-content)")) {
  const open = () => document.querySelectorAll("details").forEach((one) => { one.open = true; });
  if (matchMedia("(min-width: 48rem)").matches) document.querySelectorAll(".fold").forEach((one) => { one.open = true; });
  addEventListener("beforeprint", open);
}
