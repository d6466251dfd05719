//! Every line that asks for an operator's attention: told in docs/operations.md, and shown true by a test or an argument.
//!
//! A line that is added, changed or removed fails here until table, documentation and this list say the same.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What shows that a line is true.
enum Shown {
    /// A test of this name, in which it comes up or which has its case.
    Test(&'static str),
    /// What it takes that nothing provokes here.
    Argument(&'static str),
}
use Shown::{Argument, Test};

const LINES: &[(&str, Shown)] = &[
    ("fund the sequencer's L1 account; batches wait meanwhile", Test("an_empty_account_is_told_apart")),
    (
        "batches do not get to L1: if it is L1's endpoint, look after that; trying on",
        Test("what_keeps_batches_from_l1_is_a_reason_while_it_lasts"),
    ),
    (
        "L1 takes no more work or bytes for now (L1-WORK-3): batches wait until its bucket has drained",
        Test("a_full_bucket_is_one_state_however_many_batches_come_up_against_it"),
    ),
    (
        "batches do not get to L1: look after the endpoint, and the account's ether; trying on",
        Argument("as on an EVM chain, of which the tests show it"),
    ),
    ("L1 does not take the batch as it is", Test("an_operation_goes_from_rpc_to_l1")),
    (
        "L1 refuses the proofs of this batch: see that the prover has the chain's keys, and who else reaches --proving; it is handed out again",
        Test("an_operation_goes_from_rpc_to_l1"),
    ),
    (
        "L1 lacks messages that batches took: nothing is taken back yet, they may come again",
        Test("messages_may_be_missing_for_a_while"),
    ),
    ("closed batches are taken back, their operations wait again", Test("another_authors_batch_displaces_closed_ones")),
    (
        "closed batches wait, and no prover asks for them: start one (tandem-prover prove), or see that it reaches --proving; what waits is kept until it expires",
        Test("that_no_prover_asks_is_told_while_a_batch_waits"),
    ),
    (
        "the chain was frozen on L1, for good: nothing is taken any more; stop the node, everybody leaves with tandem escape",
        Argument("what the settlement says of itself, and this line repeats"),
    ),
    ("another batch was first on L1", Test("a_call_is_forced_and_spends_what_is_on_l2")),
    (
        "the batch waited too long for the Inbox to take it: re-sequencing",
        Test("only_what_time_makes_worse_is_hopeless"),
    ),
    (
        "L1 left something out: reading it again; if that lasts, use another endpoint",
        Test("a_chain_is_deployed_and_run_part_by_part"),
    ),
    (
        "claims on L1 contradict each other: withdrawals wait for the dispute",
        Argument(
            "an event of the settlement, which events_feed_derivation_near_the_tip_and_far_from_it decodes and this line repeats",
        ),
    ),
    (
        "a dispute found that the fraud-proof program has no answer: nothing becomes final until the owner replaces it",
        Argument("an event of the settlement, which this line repeats"),
    ),
    (
        "L1 is not read to its end yet: no blocks until then",
        Argument("said by whoever starts far behind; without word of L1 readiness says the same at once"),
    ),
    (
        "the payload of a batch is not available: add a blob source or an archive that has it; trying on",
        Argument(
            "what PayloadFetcher cannot give (a_transaction_with_another_payload_is_refused), asked for again and again",
        ),
    ),
    (
        "L1 made an output final that follows from none of its batches here: do not trust this node, compare it with a replica",
        Test("a_final_output_without_a_batch_is_an_alarm_once_reading_again_has_not_helped"),
    ),
    (
        "the database failed while a request was answered: look after the disk",
        Argument("every error of the database that a request meets, and nothing else"),
    ),
    (
        "state cannot be read: if that lasts, delete the data directory and derive again from L1",
        Argument("every error of the state that a request meets, and nothing else"),
    ),
    (
        "subscribers are told of no blocks: the database cannot be read; restart the node",
        Argument(
            "said of every failure to read what is announced; a database that fails on purpose is nothing that a test here has",
        ),
    ),
    (
        "RPC has as many connections as it may: further ones wait",
        Test("one_too_many_waits_which_is_said_once_and_the_silent_are_cut"),
    ),
    (
        "blocks above belong to no batch: re-sequencing",
        Test("blocks_of_a_forced_batch_that_l1_lost_are_not_ours_to_post"),
    ),
    ("the thread that closes batches panicked: please report it", Argument("a panic alone leads there")),
    (
        "a batch of ours was posted so early by L1's clock that its blocks are dated anew: set the machine's clock (NTP)",
        Test("a_batch_that_l1_dates_too_early_is_not_taken_as_it_was"),
    ),
    (
        "batch of another author on L1: re-sequencing on top of it",
        Test("a_forced_batch_displaces_and_what_it_displaced_is_sequenced_again"),
    ),
    ("message does not fit: L1 must be read again", Test("a_chain_is_deployed_and_run_part_by_part")),
    ("batch does not fit: L1 must be read again", Test("a_chain_is_deployed_and_run_part_by_part")),
    (
        "L1 replaced a message that blocks consumed: re-sequencing",
        Test("a_message_that_l1_replaced_is_executed_as_l1_has_it"),
    ),
    (
        "L1 lost a checkpoint that blocks name: re-sequencing",
        Test("blocks_do_not_outlive_the_checkpoint_that_they_name"),
    ),
    (
        "L1 lost messages that blocks consumed: re-sequencing without them",
        Test("blocks_outlive_their_messages_only_while_these_may_come_back"),
    ),
    (
        "closed batches do not follow the last one on L1: re-sequencing",
        Test("a_forced_batch_displaces_and_what_it_displaced_is_sequenced_again"),
    ),
    (
        "blocks wait: batches fill faster than they are closed or than L1 takes them, or L1 reorganised and their messages are not read again yet",
        Argument(
            "close_if_full says no in the tests of full_batches; that it lasts for ten seconds takes a slow machine",
        ),
    ),
    (
        "blocks wait: L1 has no checkpoint that is deep enough and young enough to be named; the poster stores one: see that its transactions get to L1",
        Test("that_blocks_wait_for_a_checkpoint_is_told_while_it_lasts"),
    ),
    (
        "this machine's clock is ahead of L1's newest block, and blocks are dated by L1: set the machine's clock (NTP), or use an L1 endpoint that is not behind",
        Test("the_operator_is_told_of_a_skew_now_and_then"),
    ),
    (
        "this machine's clock is behind L1's newest block, and blocks are dated by L1: set the machine's clock (NTP); on a devnet whose time was moved forward nothing is wrong",
        Test("the_operator_is_told_of_a_skew_now_and_then"),
    ),
    (
        "a call reverted: somebody else was first, or L1 reorganised",
        Test("reverts_are_told_before_and_after_inclusion"),
    ),
    ("fund the proposer; claims wait meanwhile", Test("what_keeps_claims_from_l1_is_a_reason_while_it_lasts")),
    ("somebody claims another output of epoch", Test("a_wrong_claim_is_rivalled_and_never_final")),
    ("is final and not what derivation yields", Test("a_wrong_claim_that_became_final_stops_everything")),
    ("was decided against what derivation yields", Test("what_keeps_claims_from_l1_is_a_reason_while_it_lasts")),
    ("the fault-proof program has no answer for epoch", Test("what_keeps_claims_from_l1_is_a_reason_while_it_lasts")),
    (
        "the proposer does not get on: if it is L1's endpoint, look after that; trying on",
        Test("a_refusal_that_lasts_is_a_reason_and_one_that_passes_is_none"),
    ),
    (
        "a call in a dispute reverted: somebody else was first, or L1 reorganised",
        Argument("the challenger's twin of the proposer's line, at the same outcome of the same submitter"),
    ),
    (
        "fund the challenger: its bonds and calls wait, and its clocks run",
        Test("whoever_does_not_play_says_why_while_it_lasts"),
    ),
    (
        "a contested epoch is not played by this prover: compare it with a second one at once",
        Test("nobody_plays_for_what_it_cannot_judge"),
    ),
    (
        "a contested epoch cannot be played yet: clocks run, so see that derivation and payloads get on",
        Test("nobody_plays_for_what_it_cannot_judge"),
    ),
    (
        "the challenger does not get on: if it is L1's endpoint, look after that; trying on",
        Argument("the challenger's twin of the proposer's trouble, of which every error but a lack of money is one"),
    ),
    ("a file of a commitment is damaged, computing it again", Test("damaged_files_are_computed_again")),
    (
        "the sequencer does not hand out batches: check --sequencer and --deployment; asking on",
        Test("a_sequencer_of_another_chain_is_told"),
    ),
    (
        "the sequencer does not answer: check it and --sequencer; what is proven is kept, asking on",
        Test("proofs_wait_for_a_sequencer_that_is_away"),
    ),
    (
        "a batch cannot be derived yet: the sequencer and this prover see different states of L1; asking on",
        Test("nothing_is_proven_of_a_lie"),
    ),
    (
        "a batch is not what the sequencer claims: nothing is proven of it; compare the sequencer with L1 (tandem replica)",
        Test("nothing_is_proven_of_a_lie"),
    ),
    (
        "the chain was frozen and has ended: nothing is proven for it any more; everybody leaves with what he has (tandem escape)",
        Test("nothing_is_proven_for_a_chain_that_has_ended"),
    ),
    (
        "a batch is not proven: look after the workers; trying again, what is proven of it is kept",
        Test("bad_workers_cost_time"),
    ),
    (
        "the sequencer refuses a batch that is proven: it or this prover is wrong, please report it; trying again",
        Test("every_answer_to_a_proven_batch_is_heard"),
    ),
    ("stored proofs are damaged, or of other keys: proving again", Test("a_restart_proves_nothing_again")),
    ("a worker has no proof: the chunk goes to another, or again", Test("bad_workers_cost_time")),
    (
        "the farm's engine does not do its work: check NATS, --farm, and that the coordinator runs; nothing is lost, trying on",
        Test("an_engine_that_is_killed_loses_nothing_that_it_has_confirmed"),
    ),
    (
        "the farm's engine does not let this program in: check --farm-user and its password; trying on",
        Test("users_are_let_in_with_their_password_alone"),
    ),
    (
        "no worker of the farm gets on with a chunk: see its last fault, and compare version, keys and memory of coordinator and workers; trying on, ever more rarely",
        Test("a_chunk_that_no_worker_can_prove_is_a_trouble"),
    ),
    (
        "this machine cannot prove a job of the farm, which goes back: see --proving-memory-mib, or take its worker away",
        Test("a_worker_without_memory_gives_its_jobs_back"),
    ),
    (
        "nobody takes the farm's jobs: start workers (tandem-prover work), or look at their logs",
        Argument("said of jobs that wait while no worker was heard of at all, for two minutes, which no test spends"),
    ),
    (
        "a worker of the farm only costs time: take its credentials away, or look after its machine; until this batch is proven nothing more is said of it",
        Test("a_liar_costs_only_time"),
    ),
    ("a job of the farm cannot be proven", Test("a_job_that_is_none_is_answered_and_does_not_come_again")),
    (
        "there are no proving keys for a job of the farm, which goes back: give them with --keys, or have the coordinator share its own (--farm-share-keys)",
        Test("a_worker_without_keys_gives_its_jobs_back"),
    ),
    (
        "a worker says nothing, and no other is free: nothing moves",
        Argument("what the pool tells when a lease of minutes has ended and every other worker is busy or gone"),
    ),
    (
        "batches that L1 has cannot be deleted: look after the disk",
        Argument("every error of removing a file, and nothing else"),
    ),
    ("the L1 key is used by another process: stop one of them", Test("a_lost_journal_outbids_what_the_pool_holds")),
    ("nothing goes to L1 from this key", Test("what_is_stuck_is_told_until_it_moves")),
    (
        "L1 asks more than may be bid: the transaction waits until L1 is cheaper",
        Test("absurd_suggestions_neither_overflow_nor_pass"),
    ),
    (
        "the L1 endpoint holds transactions of this account that must go first: sending a transfer of nothing",
        Test("a_transaction_of_the_other_kind_with_the_same_nonce_is_cleared"),
    ),
    ("L1 cannot be read: check the endpoint and --l1-rpc; trying on", Test("some_faults_lose_nothing")),
    ("L1 reorganised", Test("a_reorg_comes_out_before_what_replaces_it")),
    ("archived payload is damaged, fetching it again", Test("calldata_survives_l1_and_the_archive")),
    (
        "a blob source does not answer: look after the beacon endpoint",
        Argument("every error of a beacon endpoint, and nothing else"),
    ),
    ("a directory of blobs cannot be read", Argument("every error of reading the directory, and nothing else")),
    ("unwinding batches that L1 dropped", Test("a_reorg_unwinds_to_the_last_batch_that_stands")),
    (
        "derivation does not get on: if a payload is missing, add a blob source or an archive that has it, else look after L1's endpoint; trying on",
        Test("it_lasts_until_the_block_that_shows_it_is_read"),
    ),
    (
        "L1 follows rules that this program was not given: it derives no further, and answers for what came before; take what is on L2 out while the grace runs, or run a version that knows the rules",
        Test("what_came_before_rules_that_are_not_known_stands"),
    ),
    (
        "derivation is behind L1: it catches up, unless this machine is too slow for the chain",
        Argument(
            "said by whoever starts far behind; readiness_means_keeping_up_and_nothing_in_the_way has the same bound",
        ),
    ),
    (
        "cannot derive the chain from L1",
        Argument("the end of a replica with a fatal error, as in a_store_that_lost_its_state_stops_the_replica"),
    ),
    ("the faucet ended", Argument("an error of its server, which nothing provokes")),
    ("the state of L1 was not written: the next start lacks the last minute", Argument("an error of the disk alone")),
    ("L1 is not in order; trying again with every block", Argument("a suspended Anvil, and every error of the disk")),
];

/// The proposer's alarms are lines of their own, made by `Display`.
const ALARM: &str = "{alarm}";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules"].contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["sequencer", "prover", "node", "devnet", "tests"] {
        sources(&root().join(folder), &mut found);
    }
    found
}

/// The message of a macro whose arguments begin here: the first literal that is an argument of its own. As in Rust, a line that ends in a
/// backslash goes on with the next one.
fn message(arguments: &str) -> String {
    let (mut depth, mut before, mut rest) = (1, '(', arguments.chars());
    while let Some(next) = rest.next() {
        match next {
            '"' => {
                let mut literal = String::new();
                while let Some(next) = rest.next() {
                    match next {
                        '"' => break,
                        '\\' => match rest.next() {
                            Some('\n') => rest = rest.as_str().trim_start().chars(),
                            other => literal.extend(other),
                        },
                        other => literal.push(other),
                    }
                }
                if depth == 1 && (before == '(' || before == ',') {
                    return literal;
                }
            }
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if !next.is_whitespace() {
            before = next;
        }
        assert!(depth > 0, "a line without a message: {}", &arguments[..arguments.len().min(200)]);
    }
    panic!("a macro without an end");
}

/// What the programs say at `warn` and `error`, up to what is filled in.
fn said() -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    for path in all_sources() {
        let inside = path.strip_prefix(root()).unwrap();
        let is_program =
            !inside.starts_with("tests") && !inside.iter().any(|part| part == "tests" || part == "examples");
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for name in ["error!(", "warn!("] {
            for (at, _) in code.match_indices(name).filter(|_| is_program) {
                let is_other = code[..at].ends_with(|last: char| last.is_alphanumeric() || last == '_');
                if !is_other {
                    said.insert(message(&code[at + name.len()..]));
                }
            }
        }
    }
    said
}

#[test]
fn every_line_for_the_operator_is_documented_and_shown() {
    let said = said();
    assert!(said.len() > 30, "{} lines are found", said.len());
    for line in said.iter().filter(|line| *line != ALARM) {
        let known = LINES.iter().filter(|(known, _)| line.starts_with(known)).count();
        assert_eq!(known, 1, "`{line}` is not in the list (node/service/tests/log_lines.rs)");
    }
    let text: Vec<String> = all_sources().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let operations = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let alarms = fs::read_to_string(root().join("prover/src/proposer/alarm.rs")).unwrap();
    for (line, shown) in LINES {
        assert!(operations.contains(&format!("`{line}`")), "`{line}` is not in docs/operations.md");
        let is_alarm = alarms.contains(line);
        let is_said = said.iter().any(|said| said.starts_with(line));
        assert!(is_alarm || is_said, "no program says `{line}`");
        match shown {
            Test(name) => {
                let exists = text.iter().any(|text| text.contains(&format!("fn {name}(")));
                assert!(exists, "`{line}`: there is no test {name}");
            }
            Argument(why) => assert!(why.split_whitespace().count() > 3, "`{line}`: {why}"),
        }
    }
}
