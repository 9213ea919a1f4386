/**
 * The syntax of Vauban for tree-sitter: its rules bear the names of `grammar/vauban.pest`.
 *
 * It reads what the compiler reads and is a little wider: which words may begin a list, and what is a good address or date, is the compiler's to say.
 */

/// <reference types="tree-sitter-cli/dsl" />
// @ts-check

/** One or more, separated by commas. */
const list = (rule) => seq(rule, repeat(seq(",", rule)));

module.exports = grammar({
  name: "vauban",

  word: ($) => $.name,

  extras: ($) => [/\s/, $.comment],

  conflicts: ($) => [[$.transport]],

  rules: {
    source_file: ($) => repeat($.item),

    item: ($) => seq(repeat($.documentation), $._declaration),
    _declaration: ($) =>
      choice(
        $.use_item,
        $.cluster,
        $.tier,
        $.default,
        $.policy,
        $.profile,
        $.team,
        $.namespace,
        $.network,
        $.ports,
        $.group,
        $.service,
        $.test,
        $.guard,
        $.raw,
      ),

    use_item: ($) => seq("use", $.path),
    cluster: ($) => seq("cluster", field("name", $.name), "{", repeat(choice($.cluster_item, $.fact)), "}"),
    cluster_item: ($) => seq(repeat($.documentation), choice($.network, $.group, $.service, $.namespace)),
    fact: ($) => prec.right(seq($.fact_name, optional(list(choice($.address, $.fact_value))))),
    fact_name: (_) =>
      choice(
        "pods", "services", "nodes", "apiserver", "ipv4", "ipv6", "namespaces", "overlay", "host-endpoints", "sctp",
        "node-labels", "extended-protocols", "cni",
      ),
    fact_value: ($) => $.name,

    tier: ($) => prec.right(seq("tier", field("name", $.name), optional(seq("{", repeat($.otherwise), "}")))),
    otherwise: (_) => seq("otherwise", choice("pass", seq("deny", optional(seq("and", "log"))))),

    default: ($) => seq("default", $.body),
    policy: ($) => seq(optional("staged"), "policy", field("name", $.name), "in", field("tier", $.name), repeat($.order), $.body),
    order: ($) => seq(choice("before", "after"), list($.path)),
    profile: ($) => seq("profile", field("name", $.name), "(", optional(list(field("parameter", $.name))), ")", $.body),

    team: ($) =>
      seq("team", field("name", $.name), "{", repeat(choice($.owners, $.folder, $.team_namespaces, $.tiers, $.grants)), "}"),
    owners: ($) => prec.right(seq("owners", repeat1($.owner))),
    folder: ($) => seq("folder", choice($.string, $.folder_path)),
    team_namespaces: ($) => seq("namespaces", list(choice($.selector, $.namespace_prefix))),
    tiers: ($) => seq("tiers", list($.name)),
    grants: ($) => seq("grants", list($.name)),

    namespace: ($) => seq("namespace", field("name", $._namespace_name), "{", optional(list($.label)), "}"),
    label: ($) => seq($._label_key, "=", $._label_value),

    network: ($) => seq("network", field("name", $.name), "=", $.endpoints),
    ports: ($) => seq("ports", field("name", $.name), "=", $.port_list),
    group: ($) => seq("group", field("name", $.name), "=", $.endpoints),
    service: ($) => prec.right(seq("service", field("name", $.name), "=", $.port_list, optional(seq("on", $.endpoints)))),

    test: ($) => seq("test", $.string, "{", repeat($.check), "}"),
    guard: ($) => seq("guard", $.string, "{", repeat($.check), "}"),
    check: ($) =>
      prec.right(
        seq(
          choice("cannot", seq("can", optional("every"))),
          field("from", $.endpoints),
          "->",
          field("to", $.endpoints),
          optional(seq("on", $.port_list)),
        ),
      ),
    raw: ($) => prec.right(seq("raw", field("target", $.name), $.string, optional("overlaps"))),

    body: ($) => seq("{", repeat(choice($.for_statement, $.include, $.block)), "}"),
    for_statement: ($) => seq("for", $.endpoints),
    include: ($) => seq("include", $.path, "(", optional(list($.argument)), ")"),
    argument: ($) =>
      choice(
        seq("(", list($._argument_item), ")"),
        seq($.transport_name, $._port_entry),
        $.icmp,
        $.protocol,
        "all",
        $.endpoint,
      ),
    _argument_item: ($) => choice($.transport, $.port_range, $.icmp, $.protocol, "all", $.endpoint),
    block: ($) => seq(choice("ingress", "egress"), "{", repeat($.rule), "}"),
    rule: ($) => prec.right(seq(repeat($.documentation), $.action, $.port_list, optional($.peer), repeat($._clause))),
    action: (_) => choice(seq(choice("allow", "deny"), optional(seq("and", "log"))), "pass", "log"),
    peer: ($) => seq(choice("to", "from"), $.endpoints),
    _clause: ($) => choice($.because, $.ticket, $.until, $.excuse),
    because: ($) => seq("because", $.string),
    ticket: ($) => seq("ticket", choice($.string, $.ticket_id)),
    until: ($) => seq("until", $.date),
    excuse: ($) => seq("excuse", $.name, "because", $.string),

    endpoints: ($) => prec.right(list($.endpoint)),
    endpoint: ($) => prec.right(seq($._endpoint_kind, repeat(seq("except", choice($.endpoint_union, $._endpoint_kind))))),
    endpoint_union: ($) => seq("(", list($.endpoint), ")"),
    _endpoint_kind: ($) => choice($.pods, $.address, $.place, $.string, $.serviceaccount, $.named),
    pods: ($) => seq("pods", optional($.selector), "in", $._namespaces),
    serviceaccount: ($) => seq("serviceaccount", choice($.string, $.account_name), "in", $._namespaces),
    place: (_) => choice("nodes", "apiserver", "outside", "anywhere", "ingress-proxy"),
    named: ($) => prec.right(seq($.path, optional($.selector), optional(seq("in", $._namespaces)))),
    _namespaces: ($) =>
      choice(
        seq("namespaces", $.selector),
        "*",
        "same",
        seq("(", list($._namespace_name), ")"),
        $._namespace_name,
      ),
    // A namespace is most often a name; the token of its own is for those that are none, such as `1st` and `a--b`.
    _namespace_name: ($) => choice($.string, alias($.name, $.namespace_name), $.namespace_name),
    selector: ($) => seq("{", optional(list($.requirement)), "}"),
    requirement: ($) =>
      choice(
        seq("!", $._label_key),
        seq(
          $._label_key,
          optional(
            choice(
              seq(choice("=", "!="), $._label_value),
              seq(optional("not"), "in", "(", list($._label_value), ")"),
            ),
          ),
        ),
      ),
    _label_key: ($) => choice($.string, $.label_key),
    _label_value: ($) => choice($.string, $.label_value),

    port_list: ($) => list($._port_item),
    _port_item: ($) => choice($.transport, $.icmp, $.protocol, "all", $.port_name),
    port_name: ($) => prec.right(seq($.path, optional($.selector), optional(seq("in", $._namespaces)))),
    transport: ($) => seq($.transport_name, list($._port_entry)),
    transport_name: (_) => choice("tcp", "udp", "sctp"),
    _port_entry: ($) => choice($.port_range, $.string, "all"),
    icmp: ($) =>
      prec.right(
        seq(
          choice("icmp", "icmpv6"),
          optional(choice(seq("type", $.number, optional(seq("code", $.number))), "all", $.name)),
        ),
      ),
    protocol: ($) => seq("protocol", $.number),

    path: ($) => prec.right(seq($.name, repeat(seq(token.immediate("."), alias($._part, $.name))))),
    _part: (_) => token.immediate(/[a-z][a-z0-9]*(-[a-z0-9]+)*/),

    documentation: (_) => token(seq("///", optional(/[^\/\n][^\n]*/))),
    comment: (_) => token(choice(seq("//", optional(/[^\/\n][^\n]*/)), seq("////", /[^\n]*/))),
    name: (_) => /[a-z][a-z0-9]*(-[a-z0-9]+)*/,
    namespace_name: (_) => token(prec(-1, /[a-z0-9]+(-+[a-z0-9]+)*/)),
    namespace_prefix: (_) => choice(/[a-z0-9][a-z0-9-]*\*?/, /"([^"\\\n]|\\.)*"/),
    account_name: (_) => /[a-z0-9.-]+/,
    label_key: (_) => /[A-Za-z0-9_][A-Za-z0-9_.\/-]*/,
    label_value: (_) => /[A-Za-z0-9][A-Za-z0-9_.-]*/,
    address: (_) =>
      token(choice(/\d+\.[A-Za-z0-9.]*(\/[A-Za-z0-9]*)?/, /[0-9A-Fa-f]*:[0-9A-Fa-f.:]*(\/[A-Za-z0-9]*)?/)),
    port_range: (_) => /\d+(-\d+)?/,
    number: (_) => /\d+/,
    date: (_) => /\d{4}-\d{2}-\d{2}/,
    ticket_id: (_) => /[A-Za-z0-9#][A-Za-z0-9_.#:\/-]*/,
    owner: (_) => /[A-Za-z0-9_.+%\/-]*@[A-Za-z0-9_.+%\/-]+/,
    folder_path: (_) => /[A-Za-z0-9_.\/-]+/,
    string: ($) => seq('"', repeat(choice($.escape, token.immediate(prec(1, /[^"\\\n]+/)))), token.immediate('"')),
    escape: (_) => token.immediate(/\\["\\]/),
  },
});
