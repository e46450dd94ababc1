// LiveSave: a file that the browser saves. Payload: {name, type, text}
(() => {
  "use strict";
  const page = window.livePage;
  if (page.liveSave) return;

  const liveSave = ({ element, props }) => page.at(element).subscribe(props.channel, ({ name, type, text }) => {
    const mark = type === "text/csv" ? "\ufeff" : ""; // by which a spreadsheet knows UTF-8
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([mark, text], { type: `${type};charset=utf-8` }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });

  Object.assign(page, { liveSave });
})();
