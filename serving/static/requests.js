// For pages whose parts are exchanged: says that it is busy, what came of it, and what to do when nothing came.
(() => {
  "use strict";

  function unanswered() {
    const problem = document.getElementById("problem"), heading = document.createElement("strong");
    heading.textContent = "No answer.";
    problem.replaceChildren(heading, " The service cannot be reached. Check the connection and try again; ",
      "what you see is from before.");
    problem.hidden = false;
    problem.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("htmx:sendError", unanswered);
  document.addEventListener("htmx:timeout", unanswered);
  document.addEventListener("htmx:beforeRequest", (event) => {
    document.getElementById("problem").hidden = true;
    event.detail.target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => event.detail.target.removeAttribute("aria-busy"));

  document.addEventListener("htmx:afterSettle", (event) => {
    const part = document.getElementById(event.detail.target.id);
    if (!part) return;
    const what = part.querySelector(".board caption, .empty h2") || part.querySelector("h1, h2");
    document.getElementById("status").textContent = what ? what.textContent : "";
    // What had the focus may be gone, such as the link to the next page on the last one.
    if (document.activeElement === document.body) {
      part.tabIndex = -1;
      part.focus();
    }
  });
})();
