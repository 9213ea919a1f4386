//! The parser that pest derives from `grammar/vauban.pest`, and the reader's words for its rules.

#![allow(
    missing_docs,
    reason = "the derived enum takes its documentation from the grammar"
)]

#[derive(pest_derive::Parser)]
#[grammar = "grammar/vauban.pest"]
pub(super) struct Grammar;

/// What a reader calls a rule that was expected; `None` for those that only help to recover.
pub(super) fn words(wanted: Rule) -> Option<&'static str> {
    Some(match wanted {
        Rule::name | Rule::path => "a name",
        Rule::namespace_name | Rule::namespaces => "a namespace",
        Rule::namespace_prefix => "a namespace or `PREFIX-*`",
        Rule::account_name => "a service account",
        Rule::label_key | Rule::requirement | Rule::label => "a label",
        Rule::label_value => "a value",
        Rule::address
        | Rule::endpoints
        | Rule::endpoint
        | Rule::endpoint_alone
        | Rule::endpoint_union
        | Rule::pods
        | Rule::place
        | Rule::serviceaccount
        | Rule::named
        | Rule::kw_pods
        | Rule::kw_serviceaccount => "an endpoint",
        Rule::transport
        | Rule::transport_name
        | Rule::argument_transport
        | Rule::icmp
        | Rule::icmp_family
        | Rule::protocol
        | Rule::kw_protocol
        | Rule::port_list => "ports",
        Rule::argument | Rule::argument_list => "an argument",
        Rule::port_range | Rule::number => "a number",
        Rule::icmp_type => "`type`",
        Rule::date => "a date",
        Rule::ticket_id => "a ticket",
        Rule::owner => "an owner such as `@acme/books`",
        Rule::folder_path => "a folder",
        Rule::string => "a string",
        Rule::selector | Rule::open | Rule::body | Rule::cluster_body | Rule::team_body => "`{`",
        Rule::namespace_body | Rule::check_body | Rule::tier_body => "`{`",
        Rule::close => "`}`",
        Rule::left => "`(`",
        Rule::right => "`)`",
        Rule::comma => "`,`",
        Rule::arrow => "`->`",
        Rule::equal => "`=`",
        Rule::not_equal => "`!=`",
        Rule::because | Rule::ticket | Rule::until | Rule::excuse | Rule::kw_ticket => "a clause",
        Rule::kw_until | Rule::kw_excuse => "a clause",
        Rule::order => "`before` or `after`",
        Rule::peer => "`to` or `from`",
        Rule::kw_because => "`because`",
        Rule::kw_all => "`all`",
        Rule::kw_and => "`and`",
        Rule::kw_before => "`before`",
        Rule::kw_after => "`after`",
        Rule::kw_deny => "`deny`",
        Rule::kw_pass => "`pass`",
        Rule::kw_except => "`except`",
        Rule::kw_from => "`from`",
        Rule::kw_in => "`in`",
        Rule::kw_log => "`log`",
        Rule::kw_on => "`on`",
        Rule::kw_otherwise | Rule::otherwise => "`otherwise`",
        Rule::kw_policy => "`policy`",
        Rule::kw_to => "`to`",
        Rule::kw_code => "`code`",
        Rule::star | Rule::same | Rule::selected => "a namespace",
        Rule::fact | Rule::cluster_item => "a fact or a declaration",
        Rule::rule | Rule::action => "a rule",
        Rule::check | Rule::kw_can | Rule::kw_cannot => "`can` or `cannot`",
        Rule::owners | Rule::folder | Rule::team_namespaces | Rule::tiers | Rule::grants => {
            "a clause of a team"
        }
        Rule::item => "a declaration",
        _ => return None,
    })
}
