//! Money goes in, is used, and comes out, with blobs and with calldata, over a sequencer killed in the middle.

use alloy::{
    primitives::{Address, U256},
    sol_types::SolEvent,
};
use anyhow::{Context, ensure};
use serde_json::Value;
use tandem_chain::message::alias;
use tandem_cli::{
    contracts::{L2Bridge, MessagePasser},
    wallet::Call,
};
use tandem_devnet::Service;
use tandem_evm::predeploys;
use tandem_l1::bindings::{Bridge, Erc20, FraudSettlement};
use tandem_tests::{
    World, WorldOptions, adversary, derivation, money,
    world::{milliether, wait_until},
};

const MESSENGER: &str = "src/devnet/Messenger.sol:Messenger";
const ALICE: usize = 0;
const BOB: usize = 1;
const MALLORY: usize = 9;

alloy::sol! {
    #[sol(rpc)]
    contract Messenger {
        event Noted(address indexed caller, uint256 indexed number, uint256 value);
        function lastCaller() external view returns (address);
        function lastNumber() external view returns (uint256);
        function note(uint256 number) external payable;
        function noteOnL2(address bridge, address target, uint64 gasLimit, uint256 number) external payable;
        function noteOnL1(address target, uint64 gasLimit, uint256 number) external payable;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn money_comes_and_goes_with_blobs() -> anyhow::Result<()> {
    scenario("blobs").await
}

#[tokio::test(flavor = "multi_thread")]
async fn money_comes_and_goes_with_calldata() -> anyhow::Result<()> {
    scenario("calldata").await
}

async fn scenario(data: &'static str) -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions { data, ..WorldOptions::default() }).await?;
    deposits(&world).await.context("deposits")?;
    transfers(&world).await.context("transfers")?;
    let (on_l1, on_l2) = contracts(&world).await.context("contracts")?;
    killed(&mut world, on_l2).await.context("a killed sequencer")?;
    messages(&world, on_l1, on_l2).await.context("messages between contracts")?;
    let obstacles = obstacles(&world).await.context("messages that are not executed")?;
    withdrawals(&world, obstacles).await.context("withdrawals")?;
    money::check_escrow(&world, &[on_l2, stranger(1), stranger(2)]).await.context("escrow")?;
    world.wait_until_posted().await?;
    let batches = derivation::check(world.chain()).await.context("derivation")?;
    ensure!(batches.iter().map(|batch| batch.transactions).sum::<usize>() >= 6, "derived {batches:?}");
    world.stop().await;
    Ok(())
}

/// An account without a history.
fn stranger(number: u8) -> Address {
    Address::repeat_byte(0xa0 + number)
}

async fn l2_token(world: &World) -> anyhow::Result<Address> {
    let bridge = L2Bridge::new(predeploys::L2_BRIDGE, world.devnet.l2.provider());
    Ok(bridge.bridgedToken(world.devnet.info.token).call().await?)
}

/// Exactly what left L1 arrives on L2, and the Bridge holds exactly that much more.
async fn deposits(world: &World) -> anyhow::Result<()> {
    let bridge = world.devnet.deployment.chain.bridge;
    let (user, before, escrow) = (
        world.user(ALICE).address(),
        world.l2_balance(world.user(ALICE).address()).await?,
        world.l1_balance(bridge).await?,
    );
    world.tandem(ALICE, &["bridge", "deposit", "1.234567890123456789"]).await?;
    let amount = U256::from(1_234_567_890_123_456_789u64);
    ensure!(world.l2_balance(user).await? == before + amount, "L2 credits another amount");
    ensure!(world.l1_balance(bridge).await? == escrow + amount, "the Bridge took another amount");

    let token = world.devnet.info.token.to_string();
    world.tandem(ALICE, &["bridge", "deposit-erc20", &token, "100.5"]).await?;
    let held = Erc20::new(l2_token(world).await?, world.devnet.l2.provider()).balanceOf(user).call().await?;
    ensure!(held == milliether(100_500), "L2 mints {held}");
    Ok(())
}

/// Sender, recipient and fee add up, for ether sent with `cast` and for tokens.
async fn transfers(world: &World) -> anyhow::Result<()> {
    let (sender, rpc) = (world.user(ALICE), world.devnet.info.l2_rpc.to_string());
    let before = world.l2_balance(sender.address()).await?;
    let key = alloy::primitives::B256::from(sender.to_bytes()).to_string();
    let to = stranger(1).to_string();
    let sent =
        world.cast(&["send", &to, "--value", "0.7ether", "--private-key", &key, "--rpc-url", &rpc, "--json"]).await?;
    let receipt: Value = serde_json::from_str(&sent)?;
    let fee = money::l2_fee(world, serde_json::from_value(receipt["transactionHash"].clone())?).await?;
    ensure!(!fee.is_zero(), "the transfer was free");
    ensure!(world.l2_balance(stranger(1)).await? == milliether(700), "the recipient has another amount");
    ensure!(
        world.l2_balance(sender.address()).await? == before - milliether(700) - fee,
        "the sender paid another amount"
    );

    let token = l2_token(world).await?;
    let call = Erc20::transferCall { to: world.user(BOB).address(), value: milliether(20_000) };
    use alloy::sol_types::SolCall;
    world.l2_wallet(ALICE).await?.send(Call::new(token, call.abi_encode())).await?;
    let erc20 = Erc20::new(token, world.devnet.l2.provider());
    ensure!(erc20.balanceOf(world.user(BOB).address()).call().await? == milliether(20_000), "Bob has another amount");
    ensure!(erc20.balanceOf(sender.address()).call().await? == milliether(80_500), "Alice has another amount");
    Ok(())
}

/// `forge create` on both chains; called, read and its log found with `cast`.
async fn contracts(world: &World) -> anyhow::Result<(Address, Address)> {
    let on_l2 = world.forge_create(&world.devnet.l2, BOB, MESSENGER).await?;
    let on_l1 = world.forge_create(&world.devnet.l1, BOB, MESSENGER).await?;
    let (rpc, address) = (world.devnet.info.l2_rpc.to_string(), on_l2.to_string());
    let key = alloy::primitives::B256::from(world.user(BOB).to_bytes()).to_string();
    world
        .cast(&["send", &address, "note(uint256)", "42", "--value", "5", "--private-key", &key, "--rpc-url", &rpc])
        .await?;
    let number = world.cast(&["call", &address, "lastNumber()(uint256)", "--rpc-url", &rpc]).await?;
    ensure!(number == "42", "the contract says {number}");
    let logs = world.cast(&["logs", "--address", &address, "--from-block", "0", "--rpc-url", &rpc, "--json"]).await?;
    let logs: Vec<Value> = serde_json::from_str(&logs)?;
    let topics: Vec<String> = logs.iter().filter_map(|log| log["topics"][0].as_str().map(str::to_owned)).collect();
    ensure!(topics == [Messenger::Noted::SIGNATURE_HASH.to_string()], "logs: {logs:?}");
    Ok((on_l1, on_l2))
}

/// What was answered for before kill -9 is there after it, and the chain goes on.
async fn killed(world: &mut World, messenger: Address) -> anyhow::Result<()> {
    use alloy::sol_types::SolCall;
    let note = |number: u64| Call::new(messenger, Messenger::noteCall { number: U256::from(number) }.abi_encode());
    let receipt = world.l2_wallet(BOB).await?.send(note(43)).await?;
    world.devnet.services.kill(Service::Sequencer).await?;
    ensure!(world.status().await.is_err(), "the sequencer survives kill -9");
    world.devnet.services.restart(Service::Sequencer)?;
    wait_until("the sequencer is back", || async { world.status().await.map(Some) }).await?;
    let again = world.devnet.l2.receipt(receipt.transaction_hash).await?.context("the receipt is lost")?;
    ensure!(again.block_hash == receipt.block_hash, "the block has changed");
    world.l2_wallet(BOB).await?.send(note(44)).await?;
    let number = Messenger::new(messenger, world.devnet.l2.provider()).lastNumber().call().await?;
    ensure!(number == U256::from(44), "the contract says {number}");
    Ok(())
}

/// A contract on each chain calls the other.
async fn messages(world: &World, on_l1: Address, on_l2: Address) -> anyhow::Result<()> {
    use alloy::sol_types::SolCall;
    let bridge = world.devnet.deployment.chain.bridge;
    let call = Messenger::noteOnL2Call { bridge, target: on_l2, gasLimit: 300_000, number: U256::from(7) };
    world.l1_wallet(BOB).await?.send(Call::new(on_l1, call.abi_encode()).value(U256::from(1_000))).await?;
    let messenger = Messenger::new(on_l2, world.devnet.l2.provider());
    let noted = || async { Ok((messenger.lastNumber().call().await? == U256::from(7)).then_some(())) };
    wait_until("L2 has the message", noted).await?;
    ensure!(messenger.lastCaller().call().await? == alias(on_l1), "the caller is not the alias of the L1 contract");
    ensure!(world.l2_balance(on_l2).await? == U256::from(1_005), "the value did not arrive");

    let call = Messenger::noteOnL1Call { target: on_l1, gasLimit: 200_000, number: U256::from(8) };
    let receipt = world.l2_wallet(BOB).await?.send(Call::new(on_l2, call.abi_encode()).value(U256::from(77))).await?;
    let sent = receipt.decoded_log::<MessagePasser::MessageSent>().context("no message was sent")?;
    world.tandem(BOB, &["bridge", "claim", &sent.index.to_string()]).await?;
    let messenger = Messenger::new(on_l1, world.devnet.l1.provider());
    ensure!(messenger.lastNumber().call().await? == U256::from(8), "L1 was not called");
    ensure!(
        messenger.lastCaller().call().await? == world.devnet.deployment.executor,
        "somebody else than the executor called"
    );
    ensure!(world.l1_balance(on_l1).await? == U256::from(77), "the value did not come out");
    Ok(())
}

/// Messages that stand before those to come: the callee on L1 reverts, or asks for more gas than an unnamed message gets. Their indexes.
async fn obstacles(world: &World) -> anyhow::Result<[u64; 2]> {
    use alloy::sol_types::SolCall;
    let mut indexes = [0; 2];
    let messages = [(world.devnet.info.token, 100_000, "0xdeadbeef"), (stranger(3), 1_500_000, "0x")];
    for (index, (target, gas_limit, data)) in indexes.iter_mut().zip(messages) {
        let call = MessagePasser::sendCall { target, gasLimit: gas_limit, data: data.parse()? };
        let call = Call::new(predeploys::MESSAGE_PASSER, call.abi_encode());
        let receipt = world.l2_wallet(MALLORY).await?.send(call).await?;
        *index = receipt.decoded_log::<MessagePasser::MessageSent>().context("no message was sent")?.index;
    }
    Ok(indexes)
}

/// Both assets come out after the window, whatever stands before them; not before it, not twice, not with a forged proof, not against an output that is not final.
async fn withdrawals(world: &World, obstacles: [u64; 2]) -> anyhow::Result<()> {
    let (to, token) = (stranger(2).to_string(), world.devnet.info.token.to_string());
    let ether = world.tandem(ALICE, &["bridge", "withdraw", "0.123456789012345678", "--to", &to]).await?;
    let tokens = world.tandem(BOB, &["bridge", "withdraw-erc20", &token, "7.25", "--to", &to]).await?;
    let indexes = [&ether, &tokens].map(|sent| sent["message"].as_u64());
    let [Some(ether), Some(tokens)] = indexes else { anyhow::bail!("messages {indexes:?}") };

    let early = adversary::proof(world, ether).await?;
    adversary::must_not_be_proven(world, MALLORY, &early, "an output that nobody claimed").await?;
    let settlement = FraudSettlement::new(world.devnet.deployment.chain.settlement, world.devnet.l1.provider());
    wait_until("the output is claimed", || claimed(world, &early)).await?;
    ensure!(!settlement.isFinal(early.output).call().await?, "the output is final before its window has closed");
    adversary::must_not_be_proven(world, MALLORY, &early, "within the window").await?;

    wait_until("the output is final", || async { Ok(settlement.isFinal(early.output).call().await?.then_some(())) })
        .await?;
    for (what, forgery) in adversary::forgeries(&early) {
        adversary::must_not_be_proven(world, MALLORY, &forgery, what).await?;
    }
    world.tandem(MALLORY, &["bridge", "claim", &ether.to_string()]).await?;
    let all = world.tandem(BOB, &["bridge", "claim"]).await?;
    let told = |which: &str| -> Vec<_> { all[which].as_array().into_iter().flatten().cloned().collect() };
    let indexes = |which: &str| -> Vec<_> { told(which).iter().filter_map(|one| one["message"].as_u64()).collect() };
    ensure!(indexes("claimed") == [tokens] && indexes("refused") == obstacles, "the command says {all}");
    let reasons: Vec<_> = told("refused").iter().map(|one| one["why"].to_string()).collect();
    ensure!(reasons[0].contains("refuses the call") && reasons[1].contains("above the bound"), "refused: {reasons:?}");
    ensure!(
        world.l1_balance(stranger(2)).await? == U256::from(123_456_789_012_345_678u64),
        "another amount of ether came out"
    );
    let held = Erc20::new(world.devnet.info.token, world.devnet.l1.provider()).balanceOf(stranger(2)).call().await?;
    ensure!(held == milliether(7_250), "{held} units of the token came out");

    let twice = adversary::refused_claim(world, MALLORY, &early).await?;
    ensure!(
        matches!(twice, Bridge::BridgeErrors::Bridge_AlreadyExecuted(_)),
        "the second claim was refused with {twice:?}"
    );
    let again = world.tandem(ALICE, &["bridge", "claim", &ether.to_string()]).await?;
    ensure!(again["alreadyClaimed"] == true, "the command says {again}");
    Ok(())
}

/// Whether somebody has claimed the output of a proof on L1.
async fn claimed(world: &World, proof: &tandem_cli::bridge::proof::Proof) -> anyhow::Result<Option<()>> {
    let settlement = world.devnet.deployment.chain.settlement;
    let filter = alloy::rpc::types::Filter::new().address(settlement).from_block(world.devnet.deployment.start_block);
    let logs = world.devnet.l1.logs(&filter.event_signature(FraudSettlement::ClaimPosted::SIGNATURE_HASH)).await?;
    let mut claims = logs.iter().filter_map(|log| FraudSettlement::ClaimPosted::decode_log(&log.inner).ok());
    Ok(claims.any(|claim| claim.output == proof.output).then_some(()))
}
