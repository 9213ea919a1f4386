; Comments
(comment) @comment
(documentation) @comment.documentation

; Words
["policy" "staged" "profile" "default" "tier" "team" "cluster" "namespace" "network" "ports" "group" "service" "test" "guard" "raw" "use"] @keyword
["for" "include" "before" "after" "otherwise" "can" "cannot" "every" "owners" "folder" "tiers" "grants" "overlaps"] @keyword
["ingress" "egress"] @keyword.directive
["allow" "deny" "pass" "log" "and"] @keyword.conditional
["because" "ticket" "until" "excuse"] @keyword.modifier
["to" "from" "in" "on" "not" "except"] @keyword.operator
["pods" "serviceaccount" "namespaces" "same"] @type.builtin
(place) @type.builtin
(fact_name) @property
["all" "protocol" "type" "code" "icmp" "icmpv6"] @constant.builtin
(transport_name) @constant.builtin

; Names
(policy name: (name) @function)
(policy tier: (name) @label)
(profile name: (name) @function)
(profile parameter: (name) @variable.parameter)
(tier name: (name) @label)
(team name: (name) @module)
(cluster name: (name) @module)
(network name: (name) @type)
(group name: (name) @type)
(service name: (name) @type)
(ports name: (name) @type)
(path) @variable
(namespace_name) @module
(label_key) @property
(label_value) @string.special
(fact_value) @constant

; Values
(string) @string
(escape) @string.escape
(address) @number
(port_range) @number
(number) @number
(date) @number
(ticket_id) @constant
(owner) @string.special
(folder_path) @string.special.path

; Punctuation
["{" "}" "(" ")"] @punctuation.bracket
["," "."] @punctuation.delimiter
["->" "=" "!=" "!" "*"] @operator
