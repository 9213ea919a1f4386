"use strict";
// Search, and what opens what. The page is whole without it.
(() => {
  const by = (id) => document.getElementById(id);
  const find = by("find");
  const text = by("find-text");
  const team = by("find-team");
  const staged = by("find-staged");
  const ends = by("find-ends");
  const button = by("find-open");
  const count = by("find-count");
  const policies = [...document.querySelectorAll(".policy")];
  const cards = [...document.querySelectorAll(".card")];
  const words = new Map();
  find.hidden = false;

  // What is said of something, in lower case: the text of its card and of what is written out.
  const said = (element) => {
    if (!words.has(element)) words.set(element, element.textContent.replace(/\s+/g, " ").toLowerCase());
    return words.get(element);
  };

  const mark = (shown, wanted) => {
    if (!("highlights" in CSS)) return;
    CSS.highlights.clear();
    const ranges = [];
    for (const element of wanted.length ? shown : []) {
      const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
      while (walker.nextNode() && ranges.length < 2000) {
        const lower = walker.currentNode.data.toLowerCase();
        for (const word of wanted) {
          for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
            const range = new Range();
            range.setStart(walker.currentNode, at);
            range.setEnd(walker.currentNode, at + word.length);
            ranges.push(range);
          }
        }
      }
    }
    if (ranges.length) CSS.highlights.set("found", new Highlight(...ranges));
  };

  const search = () => {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = !wanted.length && !(team && team.value) && !(staged && staged.checked) && !(ends && ends.checked);
    const fits = (element) =>
      (!team || !team.value || element.dataset.team === team.value) &&
      (!staged || !staged.checked || "staged" in element.dataset) &&
      (!ends || !ends.checked || "ends" in element.dataset);
    const shown = new Set();
    for (const policy of policies) {
      const fit = all || (fits(policy) && wanted.every((word) => said(policy).includes(word)));
      policy.hidden = !fit;
      if (fit) shown.add(policy.querySelector(".body").id);
      if (wanted.length && fit && !policy.open) {
        policy.open = true;
        policy.dataset.found = "";
      } else if (!wanted.length && "found" in policy.dataset) {
        policy.open = false;
        delete policy.dataset.found;
      }
    }
    let cardsShown = 0;
    for (const card of cards) {
      const fit = all || (card.dataset.of ? shown.has(card.dataset.of) : fits(card) && wanted.every((word) => said(card).includes(word)));
      card.hidden = !fit;
      if (fit) cardsShown += 1;
    }
    for (const fold of document.querySelectorAll(".fold")) {
      const some = fold.querySelector(".card:not([hidden])") !== null;
      fold.hidden = !some;
      fold.open = !all && some && cardsShown < 200;
    }
    for (const chapter of document.querySelectorAll(".chapter")) {
      chapter.hidden = !all && chapter.querySelector(".policy:not([hidden])") === null;
    }
    by("find-none").hidden = all || shown.size > 0;
    document.body.classList.toggle("finding", !all);
    count.textContent = all ? "" : `${cardsShown} of ${cards.length}`;
    mark(policies.filter((policy) => !policy.hidden).slice(0, 200).concat(cards.filter((card) => !card.hidden).slice(0, 200)), wanted);
  };

  let soon = 0;
  text.addEventListener("input", () => {
    clearTimeout(soon);
    soon = setTimeout(search, policies.length > 300 ? 150 : 0);
  });
  for (const control of [team, staged, ends]) if (control) control.addEventListener("change", search);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !text.value) return;
    event.preventDefault();
    text.value = "";
    search();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest("input:not([type=radio], [type=checkbox]), select, textarea")) return;
    event.preventDefault();
    text.focus();
  });

  const openAll = (open) => {
    for (const policy of policies) policy.open = open;
    button.textContent = open ? "Close all" : "Open all";
  };
  button.addEventListener("click", () => openAll(button.textContent === "Open all"));

  // A link to a policy opens it, and undoes a search that hides it.
  const follow = () => {
    const target = by(decodeURIComponent(location.hash.slice(1)));
    const policy = target && target.closest(".policy");
    if (!policy) return;
    if (policy.hidden) {
      text.value = "";
      for (const control of [staged, ends]) if (control) control.checked = false;
      if (team) team.value = "";
      search();
    }
    policy.open = true;
    policy.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  follow();

  // On paper everything is open.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
    closed = [];
  });
})();
