// LiveGrid: a table of cells that are patched in place (see playground/components/live_grid.py).
(() => {
  "use strict";
  if (window.livePage.liveGrid) return;
  const { soon, node, entitle } = window.livePage;

  window.livePage.liveGrid = ({ element, props }) => {
    const own = window.livePage.at(element), root = element.querySelector(".live-grid");
    const table = root.querySelector("table");
    const words = root.querySelector(".grid-words");
    let payload = null, number = 0, cells = [], heads = [], rowHeads = [], corner = null, current = [0, 0], revealed = "";

    const build = (rows, columns) => {
      const top = node("tr"), body = node("tbody"), thead = node("thead");
      corner = node("td", "corner");
      top.append(corner);
      heads = Array.from({ length: columns }, () => { const cell = node("th"); cell.scope = "col"; top.append(cell); return cell; });
      cells = []; rowHeads = [];
      for (let r = 0; r < rows; r += 1) {
        const line = node("tr"), head = node("th");
        head.scope = "row";
        rowHeads.push(head);
        line.append(head);
        cells.push(Array.from({ length: columns }, (_, c) => {
          const cell = node("td");
          cell.setAttribute("role", "gridcell");
          cell.dataset.row = r;
          cell.dataset.column = c;
          line.append(cell);
          return cell;
        }));
        body.append(line);
      }
      thead.append(top);
      table.replaceChildren(thead, body);
      table.style.setProperty("--columns", columns);
    };
    const fill = (cell, [text, title, kind, shade]) => {
      if (cell.textContent !== text) cell.textContent = text;
      cell.title = title || "";
      entitle(cell, text, title);
      cell.dataset.kind = kind || "";
      if (shade === undefined || shade === null) cell.style.removeProperty("--shade"); else cell.style.setProperty("--shade", shade);
    };
    const paint = () => {
      const { rows, columns } = payload;
      if (!corner || cells.length !== rows.length || heads.length !== columns.length) build(rows.length, columns.length);
      corner.textContent = payload.corner || "";
      columns.forEach((column, c) => fill(heads[c], column));
      rows.forEach((row, r) => {
        fill(rowHeads[r], row.head);
        row.cells.forEach((cell, c) => {
          const made = cells[r][c];
          fill(made, cell);
          const isChosen = payload.selected && payload.selected[0] === r && payload.selected[1] === c;
          made.setAttribute("aria-selected", isChosen ? "true" : "false");
          made.tabIndex = -1;
        });
        rowHeads[r].dataset.chosen = Boolean(payload.selected && payload.selected[1] === -1 && payload.selected[0] === r);
      });
      current = payload.selected && payload.selected[1] >= 0 ? payload.selected : [0, 0];
      const first = cells[current[0]] && cells[current[0]][current[1]];
      if (first) first.tabIndex = 0;
      if (!payload.selected) revealed = ""; else show();
      if (words && payload.words !== undefined) words.textContent = payload.words;
      table.dataset.frame = number;
    };
    const reveal = (cell) => { // what is on show is in sight, beside the heads that stay where they are
      const scroller = table.parentElement;
      if (!cell || scroller.scrollWidth <= scroller.clientWidth) return;
      const frame = scroller.getBoundingClientRect(), box = cell.getBoundingClientRect();
      const left = frame.left + rowHeads[current[0]].offsetWidth + 4;
      if (box.left < left) scroller.scrollLeft -= left - box.left;
      else if (box.right > frame.right - 4) scroller.scrollLeft += box.right - frame.right + 4;
    };
    const show = () => { // once it is on the page: a panel may be folded
      if (!payload?.selected || String(payload.selected) === revealed || !table.checkVisibility()) return;
      reveal(cells[current[0]]?.[current[1]]);
      revealed = String(payload.selected);
    };
    document.addEventListener("unfold", show);
    const place = (event) => {
      const cell = event.target.closest("td[data-row]");
      return cell ? [Number(cell.dataset.row), Number(cell.dataset.column), cell] : null;
    };
    const say = (event) => {
      const at = place(event);
      if (words && at && at[2].title) words.textContent = at[2].title;
    };
    table.addEventListener("pointerover", say);
    table.addEventListener("focusin", say);
    table.addEventListener("click", (event) => {
      const at = place(event), head = event.target.closest("tbody th");
      if (!props.gaze) return;
      if (at) own.look(props.gaze, [at[0], at[1]]);
      if (head) own.look(props.gaze, [rowHeads.indexOf(head), -1]);
    });
    table.addEventListener("keydown", (event) => {
      const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
      const at = place(event);
      if (!at) return;
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); at[2].click(); return; }
      const next = step && cells[at[0] + step[0]] && cells[at[0] + step[0]][at[1] + step[1]];
      if (!next) return;
      event.preventDefault();
      at[2].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
    own.subscribe(props.channel, (value, frame) => { payload = value; number = frame; soon(paint, false); });
  };
})();
