// Sliders beside the number fields of the planner, and words when a plan cannot be made. Everything works without it.
"use strict";
(() => {
  const form = document.getElementById("limits");
  const said = document.getElementById("said");
  for (const field of form.querySelectorAll("input[data-most]")) {
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = 0;
    slider.max = field.dataset.most;
    slider.step = field.dataset.step;
    slider.setAttribute("aria-label", field.dataset.label);
    const show = () => {
      slider.value = field.value === "" ? field.dataset.empty || field.dataset.most : field.value;
      slider.setAttribute("aria-valuetext", field.value === "" ? field.placeholder : field.value);
    };
    slider.addEventListener("input", () => {
      const end = slider.value === field.dataset.most && field.dataset.open === "yes";
      field.value = end ? "" : slider.value;
      show();
    });
    field.addEventListener("input", show);
    show();
    field.closest("label").after(slider);
  }
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const status = event.detail.xhr.status;
    if (status < 400) { return; }
    event.detail.shouldSwap = false;
    said.textContent = status === 429
      ? "Too many plans in a short time: wait half a minute, then change a limit again. The plan below is the last one."
      : "This plan could not be made: check the limits, then change one again. The plan below is the last one.";
  });
})();
