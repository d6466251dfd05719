//! What a user of the devnet reads: endpoints, accounts, commands that work when pasted, and one line that lives.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    path::Path,
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tandem_chain::ChainKind;
use tandem_cli::{
    chain::{LatestBlock, RollupStatus, ask},
    devnet_info::{Account, DevnetInfo},
    status::settled_batch,
};
use tandem_l1::{Deployment, L1Client, anvil};

const LINE_INTERVAL: Duration = Duration::from_millis(500);

/// Everything that is worth printing once.
pub fn text(info: &DevnetInfo, deployment: &Deployment, dir: &Path) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    let chain = &deployment.chain;
    line(format!("\nL1        {}   (chain {}, Anvil; beacon API at {})", info.l1_rpc, chain.l1_chain_id, info.faucet));
    line(format!("L2        {}   (chain {})", info.l2_rpc, chain.l2_chain_id));
    line(format!("faucet    {}faucet/ADDRESS   (POST; ether on L2)", info.faucet));
    line(format!("files     {0}/deployment.json (addresses, ABIs), {0}/devnet.json, {0}/*.log", dir.display()));
    line(format!("\nBridge    {}\nInbox     {}\nSettlement {}", chain.bridge, chain.inbox, chain.settlement));
    if chain.kind == ChainKind::Evm {
        line(format!("Dispute   {}", deployment.dispute));
    }
    line(format!("Token     {}   (ERC-20 on L1)", info.token));
    line(match chain.kind {
        ChainKind::Evm => "\nAccounts, with ether on both chains and tokens on L1:".into(),
        ChainKind::Payments => "\nAccounts, with ether on both chains, a session key on L2, and tokens on L1:".into(),
    });
    for account in &info.accounts {
        line(format!("  {}  {}", account.address, account.key));
    }
    let [first, second, ..] = info.accounts.as_slice() else { return text };
    let tandem = match dir == Path::new(".devnet") {
        true => quoted(&tandem_name()),
        false => format!("{} --dir {}", quoted(&tandem_name()), quoted(&dir.display().to_string())),
    };
    line("\nTry this:".into());
    let commands = match chain.kind {
        ChainKind::Evm => evm_commands(info, first, second, &tandem),
        ChainKind::Payments => payments_commands(info, first, second, &tandem),
    };
    for command in commands {
        line(format!("  {command}"));
    }
    text
}

fn evm_commands(info: &DevnetInfo, first: &Account, second: &Account, tandem: &str) -> Vec<String> {
    let cast = quoted(&cast());
    vec![
        format!("{cast} balance --ether {} --rpc-url {}", first.address, info.l2_rpc),
        format!("{cast} send {} --value 1ether --private-key {} --rpc-url {}", second.address, first.key, info.l2_rpc),
        format!("curl -X POST {}faucet/{}", info.faucet, second.address),
        format!("{tandem} bridge deposit 2.5"),
        format!("{tandem} bridge deposit-erc20 {} 100", info.token),
        format!("{tandem} bridge withdraw 0.5"),
        format!("{tandem} bridge withdraw-erc20 {} 40", info.token),
        format!("{tandem} bridge claim      # everything that is not claimed yet"),
        format!("{tandem} status"),
    ]
}

fn payments_commands(info: &DevnetInfo, first: &Account, second: &Account, tandem: &str) -> Vec<String> {
    vec![
        format!("{} balance --ether {} --rpc-url {}", quoted(&cast()), first.address, info.l2_rpc),
        format!("{tandem} session transfer {} 1", second.address),
        format!("curl -X POST {}faucet/{}", info.faucet, second.address),
        format!("{tandem} bridge deposit 2.5"),
        format!("{tandem} bridge deposit-erc20 {} 100", info.token),
        format!("{tandem} session withdraw {} 0.5", first.address),
        format!("{tandem} bridge claims     # a withdrawal is there once its batch is proven"),
        format!("{tandem} bridge claim      # everything that is not claimed yet"),
        format!("{tandem} bridge force-withdraw   # without the sequencer"),
        format!("{tandem} status"),
    ]
}

/// A word as a shell must be given it; the same word where nothing in it means something to a shell.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The users' command, which is built beside this program.
fn tandem_name() -> String {
    let program = std::env::current_exe().map_or_else(|_| "tandem".into(), |own| own.with_file_name("tandem"));
    let short = std::env::current_dir().ok().and_then(|here| program.strip_prefix(here).ok().map(Path::to_path_buf));
    short.unwrap_or(program).display().to_string()
}

fn cast() -> String {
    let found = anvil::binary()
        .ok()
        .and_then(|anvil| anvil.parent()?.parent()?.parent()?.parent().map(|modules| modules.join(".bin/cast")));
    let Some(path) = found.filter(|path| path.exists()).and_then(|path| path.canonicalize().ok().map(|_| path)) else {
        return "cast".into();
    };
    let path = std::path::absolute(&path).unwrap_or(path);
    let text = path.display().to_string();
    let tidy = text.split_once("/node/l1/../../").map_or(text.clone(), |(root, rest)| format!("{root}/{rest}"));
    let here = std::env::current_dir().unwrap_or_default();
    Path::new(&tidy).strip_prefix(here).map_or(tidy.clone(), |short| short.display().to_string())
}

/// Rewrites one line until the end of time.
pub async fn live_line(l1: &L1Client, l2: &L1Client, deployment: &Deployment, quiet: bool) {
    loop {
        tokio::time::sleep(LINE_INTERVAL).await;
        // A line that rewrites itself is one for terminals.
        if quiet || !std::io::stderr().is_terminal() {
            continue;
        }
        let told = match deployment.chain.kind {
            ChainKind::Evm => claimed(l1, l2, deployment).await,
            ChainKind::Payments => proven(l2).await,
        };
        let (Ok(told), Ok(head)) = (told, l1.latest().await) else { continue };
        eprint!("\r\x1b[K{told}   L1 head {}", head.id.number);
        let _ = std::io::stderr().flush();
    }
}

async fn claimed(l1: &L1Client, l2: &L1Client, deployment: &Deployment) -> anyhow::Result<String> {
    let status = ask::<RollupStatus>(l2, "rollup_status", json!([])).await?;
    let block = match settled_batch(l1, deployment).await? {
        0 => Some(0),
        index => ask::<serde_json::Value>(l2, "rollup_batch", json!([format!("{index:#x}")]))
            .await
            .ok()
            .and_then(|batch| batch["lastBlock"].as_u64()),
    };
    let settled = block.map_or_else(|| "?".into(), |block| block.to_string());
    Ok(format!("latest {}   on L1 {}   settled {settled}", status.latest.number, status.safe))
}

async fn proven(l2: &L1Client) -> anyhow::Result<String> {
    let status = ask::<ProvenStatus>(l2, "rollup_status", json!([])).await?;
    Ok(format!("latest {}   proven on L1 {}", status.latest.number, status.settled))
}

/// What of `rollup_status` the line tells of a payments chain.
#[derive(Deserialize)]
struct ProvenStatus {
    latest: LatestBlock,
    settled: u64,
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in ["target/debug/tandem", "a b", "Jo's $HOME", "`id` \"x\" \\ #;&|", "", "two\nlines", "*", "~"] {
            let output = Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
        assert_eq!(quoted("target/debug/tandem"), "target/debug/tandem", "what needs no quotes has none");
    }
}
