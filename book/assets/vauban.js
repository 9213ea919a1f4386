// Colors the blocks of the language in the book, by the highlight.js that mdBook brings along. `tests/editors.rs` compares the words with the grammar.
(function () {
  "use strict";

  const WORDS = {
    declarations:
      "cluster default group guard namespace network policy ports profile raw service staged team test tier use",
    statements:
      "after before can cannot every except folder for from grants in include egress ingress namespaces not on otherwise overlaps owners tiers to",
    actions: "allow and deny log pass",
    clauses: "because excuse ticket until",
    ends: "anywhere apiserver ingress-proxy nodes outside pods same serviceaccount",
    ports: "all code icmp icmpv6 protocol sctp tcp type udp",
  };

  function vauban(hljs) {
    const name = /[a-z][a-z0-9]*(-[a-z0-9]+)*/;
    return {
      name: "Vauban",
      keywords: {
        $pattern: /[a-z][a-z0-9]*(-[a-z0-9]+)*/,
        keyword: [WORDS.declarations, WORDS.statements, WORDS.actions, WORDS.clauses].join(" "),
        built_in: WORDS.ends,
        type: WORDS.ports,
      },
      contains: [
        { className: "comment", begin: /\/\/\//, end: /$/ },
        { className: "comment", begin: /\/\//, end: /$/ },
        { className: "string", begin: /"/, end: /"|$/, contains: [{ begin: /\\./ }] },
        // A name behind a folder is no word: `books.log`.
        { begin: new RegExp(name.source + "(\\." + name.source + ")+") },
        // Labels: `team=shop`, `app!=api`.
        { className: "attr", begin: /[A-Za-z0-9_][\w.\/-]*(?=!?=\S)/ },
        { className: "string", begin: /=[A-Za-z0-9][\w.-]*/ },
        // Owners, and the tickets and dates of clauses.
        { className: "symbol", begin: /@[\w.\/+%-]+/ },
        {
          begin: /\bticket\s+[A-Za-z0-9#]/,
          returnBegin: true,
          contains: [
            { className: "keyword", begin: /ticket/ },
            { className: "symbol", begin: /[A-Za-z0-9#][\w.#:\/-]*/, endsParent: true },
          ],
        },
        { className: "number", begin: /\b\d{4}-\d{2}-\d{2}\b/ },
        // Addresses, ports and ranges.
        { className: "number", begin: /\b[0-9a-f]*:[0-9a-f:.]+(\/\d+)?/ },
        { className: "number", begin: /\b\d+(\.\d+)*(\/\d+)?(-\d+)?\b/ },
      ],
    };
  }

  if (typeof module !== "undefined") {
    module.exports = vauban;
    return;
  }
  hljs.registerLanguage("vauban", vauban);
  for (const block of document.querySelectorAll("code.language-vauban")) {
    hljs.highlightBlock(block);
  }
})();
