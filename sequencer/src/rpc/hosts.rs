//! In whose name requests may come: a page that lets its own name point here (DNS rebinding) is told so.
//!
//! Adversarial: the `Host` header is the caller's. A browser sets it to what the page's address says, which no page can change.

use std::{convert::Infallible, net::IpAddr, str::FromStr};

/// The flag that lists them.
pub const HOSTS_FLAG: &str = "http-hosts";

/// A name that requests may come in; every name, if it is an asterisk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

impl FromStr for Host {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Self(name.trim().to_ascii_lowercase()))
    }
}

/// The names that requests may come in, beside addresses in numbers, which nobody's name server decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts(Vec<Host>);

impl Default for Hosts {
    fn default() -> Self {
        Self(vec![Host("localhost".into())])
    }
}

impl From<Vec<Host>> for Hosts {
    fn from(names: Vec<Host>) -> Self {
        Self(names)
    }
}

impl Hosts {
    /// Whether a request with this `Host` header is taken; one without is, since no browser sends it.
    pub fn allow(&self, header: Option<&str>) -> bool {
        let Some(header) = header else { return true };
        let name = without_port(header.trim());
        let is_listed = |host: &Host| host.0 == "*" || host.0.eq_ignore_ascii_case(name);
        name.parse::<IpAddr>().is_ok() || self.0.iter().any(is_listed)
    }
}

/// The name in `name:port`; the address in `[address]:port`.
fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(host, |(address, _)| address);
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Hosts {
        Hosts::from(names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Host>>())
    }

    #[test]
    fn only_names_that_are_listed_and_addresses_are_taken() {
        let ours = Hosts::default();
        for host in ["localhost", "localhost:9545", "LocalHost", "127.0.0.1:9545", "10.1.2.3", "[::1]:9545", "[::1]"] {
            assert!(ours.allow(Some(host)), "{host}");
        }
        for host in ["evil.example", "evil.example:9545", "localhost.evil.example", "127.0.0.1.evil.example", "", ":1"]
        {
            assert!(!ours.allow(Some(host)), "{host}");
        }
        assert!(ours.allow(None));
        let listed = hosts(&["rpc.example", " Other.Example "]);
        assert!(listed.allow(Some("rpc.example:443")) && listed.allow(Some("other.example")));
        assert!(!listed.allow(Some("localhost")), "what is listed replaces the default");
        assert!(hosts(&["*"]).allow(Some("anything.example")));
        assert!(!hosts(&[]).allow(Some("localhost")));
    }
}
