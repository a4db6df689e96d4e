// The risk board: a slider for the day, keys, printing. Everything is there without it.
(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const NAMES = "table.risks tbody th a";
  const keysOn = () => localStorage.getItem("spm-keys") !== "off";
  let slid = false;

  // The select stays what is sent; the slider sets it.
  const slide = () => {
    const select = $("f-day"), slider = $("f-slider");
    if (!select || !slider) return;
    const say = () => {
      const words = select.options[slider.value].text;
      slider.nextElementSibling.value = words;
      slider.setAttribute("aria-valuetext", words);
    };
    slider.value = select.selectedIndex;
    slider.parentElement.hidden = false;
    $("f-days").hidden = true;
    say();
    slider.addEventListener("input", say);
    slider.addEventListener("change", () => { select.selectedIndex = slider.value; });
    if (slid) slider.focus();
    slid = false;
  };

  const prepare = () => {
    slide();
    const print = $("print"), keys = $("keys"), on = $("keys-on");
    if (!print) return;
    print.hidden = keys.hidden = false;
    print.addEventListener("click", () => window.print());
    on.checked = keysOn();
    on.addEventListener("change", () => localStorage.setItem("spm-keys", on.checked ? "on" : "off"));
  };

  const step = (by) => {
    const names = [...document.querySelectorAll(NAMES)];
    const row = document.activeElement.closest("table.risks tbody tr");
    const at = row ? names.findIndex((name) => row.contains(name)) + by : by > 0 ? 0 : names.length - 1;
    if (names[at]) names[at].focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const arrow = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (arrow && event.target.matches(NAMES)) step(arrow);
    else if (!keysOn()) return;
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "/" && $("f-q")) $("f-q").focus();
    else if (event.key === "?" && $("keys")) {
      $("keys").open = !$("keys").open;
      $("keys").querySelector("summary").focus();
    } else return;
    event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", () => { slid = document.activeElement.id === "f-slider"; });
  document.addEventListener("htmx:afterSwap", prepare);
  prepare();
})();
