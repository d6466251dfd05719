//! Batches at their edges: the circuits they are cut for, the limits, the operator's leaf (PAY-CUT, PAY-LIMITS).

use super::circuits::{Cut, Tail};
use super::*;
use crate::data::{Message, bytes};
use crate::kind::Variant;
use crate::leaf::Key;
use crate::ledger::Refused;
use crate::operation::{Call, SignatureKind, Signer};
use crate::replay::replay;
use crate::state::State;
use crate::testing::*;
use crate::tree::CAPACITY;
use alloc::collections::BTreeMap;
use alloy_primitives::{Address, U512};

const UNLIMITED: BatchLimits =
    BatchLimits { call_bytes_max: u64::MAX, apply_proofs_max: u64::MAX, l1_gas_max: u64::MAX };

fn with(state: State, env: Env, circuits: Circuits, limits: BatchLimits) -> BatchBuilder {
    BatchBuilder::with(state, env, dom(), 7, circuits, limits)
}

fn standard(state: State) -> BatchBuilder {
    with(state, ENV, Circuits::STANDARD, UNLIMITED)
}

fn transfer(i: u8) -> Call {
    Call::Transfer { recipient: account(i), amount: 1 }
}

fn tries(builder: &mut BatchBuilder, i: u8, call: Call) -> Result<(), Refused> {
    let operation = sign(builder.ledger().state(), i, call);
    let signer = held(builder.ledger().state(), account(i), SignatureKind::Session);
    builder.user(&operation, signer, PRICE)
}

fn ids(batch: &Batch) -> Vec<u64> {
    batch.chunks.iter().map(|chunk| chunk.circuit.id).collect()
}

/// Each chunk takes up where the one before it ended, and fills its circuit (PAY-CHAIN, PAY-GROUP).
fn assert_chained(batch: &Batch) {
    for pair in batch.chunks.windows(2) {
        assert_eq!(pair[1].cap_in, pair[0].cap_out);
        assert_eq!((pair[1].counts_in, pair[1].fee_in), (pair[0].counts_out, pair[0].fee_out));
    }
    for chunk in &batch.chunks {
        assert_eq!(chunk.slots.len(), chunk.circuit.slots);
        let padding = chunk.slots.iter().filter(|slot| slot.variant == Variant::Padding);
        // padding opens the sentinel, the first leaf, in the tree as it is at the chunk's end
        padding.for_each(|slot| assert_eq!(crate::tree::node(&slot.a.path[13]), chunk.cap_out[0]));
        let first = chunk.slots[0].variant;
        assert!(first != Variant::TokenCredit, "a group crosses a chunk's end");
    }
}

#[test]
fn signatures_without_a_circuit_are_refused() {
    let mut builder = standard(funded());
    let root = builder.ledger().state().root();
    let operation = sign(builder.ledger().state(), 1, transfer(2));
    for kind in [SignatureKind::Ethereum, SignatureKind::Register] {
        let signer = held(builder.ledger().state(), account(1), kind);
        assert_eq!(builder.user(&operation, signer, PRICE), Err(Refused::NoCircuit { kind }));
    }
    let set = sign(builder.ledger().state(), 1, Call::SetSession { key_hash: session(5) });
    let signer = held(builder.ledger().state(), account(1), SignatureKind::Ethereum);
    assert_eq!(builder.user(&set, signer, PRICE), Err(Refused::NoCircuit { kind: SignatureKind::Ethereum }));
    let register = builder.register(account(1), public(1));
    assert_eq!(register, Err(Refused::NoCircuit { kind: SignatureKind::Register }));
    assert_eq!(builder.ledger().state().root(), root);
    let session =
        Signer { kind: SignatureKind::Session, ..held(builder.ledger().state(), account(1), SignatureKind::Session) };
    builder.user(&operation, session, PRICE).unwrap();
    let (batch, _) = builder.finish();
    assert!(batch.authorities().all(|authority| authority.kind == SignatureKind::Session));
}

/// One slot each and the fee: the tail is one small proof, two of them, or a large one.
#[test]
fn the_tail_takes_the_cheapest_proofs() {
    let cut = |transfers: usize| {
        let mut builder = standard(funded());
        (0..transfers).for_each(|_| apply(&mut builder, 1, transfer(2)));
        let load = builder.load();
        let (batch, _) = builder.finish();
        assert_chained(&batch);
        let count = |id| ids(&batch).iter().filter(|found| **found == id).count();
        assert_eq!(load.apply, [count(1), count(2)], "what is reckoned is what comes out");
        ids(&batch)
    };
    assert_eq!(cut(0), [1]);
    assert_eq!(cut(5), [1]);
    assert_eq!(cut(6), [1, 1]);
    assert_eq!(cut(11), [1, 1]);
    assert_eq!(cut(12), [2]);
    assert_eq!(cut(26), [2]);
    assert_eq!(cut(27), [2, 1]);
    assert_eq!(cut(27 + 11), [2, 1, 1]);
    assert_eq!(cut(27 + 12), [2, 2]);
}

/// Groups of three: two of them fill six slots, and three or four do not divide into two small chunks unless they end there.
#[test]
fn a_tail_is_divided_between_groups_only() {
    let new_token = |builder: &mut BatchBuilder, i| {
        apply(builder, 1, Call::TokenTransfer { token: token(1), recipient: account(i), amount: 1 });
    };
    // 2 | 3 3 | 3 1 : the mark is at 5, and 7 slots stay
    let mut builder = standard(funded());
    apply(&mut builder, 1, Call::TokenTransfer { token: token(1), recipient: account(2), amount: 1 });
    (11..14).for_each(|i| new_token(&mut builder, i));
    let (batch, _) = builder.finish();
    assert_eq!(ids(&batch), [2]);
    // 2 3 | 3 1 : the first of the two is padded, in the tree as it was then
    let mut builder = standard(funded());
    apply(&mut builder, 1, Call::TokenTransfer { token: token(1), recipient: account(2), amount: 1 });
    (11..13).for_each(|i| new_token(&mut builder, i));
    let (batch, _) = builder.finish();
    assert_eq!(ids(&batch), [1, 1]);
    assert_eq!(batch.chunks[0].slots[5].variant, Variant::Padding);
    assert_chained(&batch);
    // 3 3 | 3 1
    let mut builder = standard(funded());
    (11..14).for_each(|i| new_token(&mut builder, i));
    let start = funded();
    let (batch, state) = builder.finish();
    assert_eq!(ids(&batch), [1, 1]);
    assert_chained(&batch);
    let [effects, withdrawals, messages] =
        [&batch.effects, &batch.withdrawals, &batch.messages].map(|segment| bytes(segment));
    assert_eq!(replay(start, ENV, &effects, &withdrawals, &messages).unwrap().state.root(), state.root());
}

#[test]
fn cuts_are_made_by_cost() {
    let [small, large] = Circuits::STANDARD.apply;
    assert_eq!(Cut { sealed: 0, open: 12, mark: 6 }.tail([small, large]), Tail::TwoSmall);
    let dear = ApplyCircuit { constraints: large.constraints / 2 + 1, ..small };
    assert_eq!(Cut { sealed: 0, open: 12, mark: 6 }.tail([dear, large]), Tail::Large);
    assert_eq!(Cut { sealed: 0, open: 12, mark: 5 }.tail([small, large]), Tail::Large);
    // Ten messages of twelve slots: the fifth ends the first five, the sixth begins with the sixth slot.
    let slots = [1, 1, 1, 2, 2, 1, 1, 1, 1, 1];
    let cut = slots.into_iter().fold(Cut::default(), |cut, slots| cut.add(slots, [small, large]));
    assert_eq!((cut, cut.proofs([small, large])), (Cut { sealed: 0, open: 12, mark: 5 }, [0, 1]));
    let session = Circuits::STANDARD.session.unwrap();
    let ids = |count| cut_signatures(count, session).iter().map(|circuit| circuit.id).collect::<Vec<_>>();
    assert_eq!(ids(0), [0u64; 0]);
    assert_eq!(ids(8), [3]);
    assert_eq!(ids(9), [3, 3]);
    assert_eq!(ids(16), [3, 3]);
    assert_eq!(ids(17), [4]);
    assert_eq!(ids(35), [4]);
    assert_eq!(ids(36), [4, 3]);
    assert_eq!(ids(35 + 17), [4, 4]);
    let [small, large] = session;
    let dear = AuthoriseCircuit { constraints: large.constraints, ..small };
    assert_eq!(cut_signatures(9, [dear, large]), [large]);
}

/// A batch takes operations up to each limit, refuses the next one without a trace, and what it has can always be ended.
#[test]
fn what_does_not_fit_changes_nothing() {
    let roomy = BatchLimits { call_bytes_max: 6000, apply_proofs_max: 3, l1_gas_max: 2_000_000 };
    for (limits, bound) in [
        (BatchLimits { apply_proofs_max: u64::MAX, l1_gas_max: u64::MAX, ..roomy }, Bound::CallBytes),
        (BatchLimits { call_bytes_max: u64::MAX, l1_gas_max: u64::MAX, ..roomy }, Bound::ApplyProofs),
        (BatchLimits { call_bytes_max: u64::MAX, apply_proofs_max: u64::MAX, ..roomy }, Bound::L1Gas),
    ] {
        let start = funded();
        let mut builder = with(start.clone(), ENV, Circuits::STANDARD, limits);
        let mut taken = 0;
        let refused = loop {
            let (root, load) = (builder.ledger().state().root(), builder.load());
            match tries(&mut builder, 1, transfer(2)) {
                Ok(()) => {
                    taken += 1;
                    assert!(taken < 1000, "there is no limit");
                }
                Err(refused) => {
                    assert_eq!((builder.ledger().state().root(), builder.load()), (root, load));
                    break refused;
                }
            }
        };
        assert_eq!(refused, Refused::BatchFull { bound });
        assert!(taken > 0);
        // Two slots and five elements: of messages L1 bounds bytes and gas, and nobody the number of proofs.
        let deposit = builder.clone().message(&deposit(account(9), Address::ZERO, 1));
        let expected = if bound == Bound::ApplyProofs { Ok(()) } else { Err(Refused::BatchFull { bound }) };
        assert_eq!(deposit, expected);
        let load = builder.load();
        assert_eq!(load.exceeds(&limits), None);
        let (batch, state) = builder.finish();
        assert_eq!(load.apply_proofs(), batch.chunks.len() as u64);
        let segments = [&batch.effects, &batch.withdrawals, &batch.messages].map(|segment| bytes(segment));
        assert_eq!(load.segment_bytes(), segments.iter().map(|bytes| bytes.len() as u64).sum::<u64>());
        // one more would not have fitted
        let mut more = standard(start.clone());
        (0..=taken).for_each(|_| apply(&mut more, 1, transfer(2)));
        assert_eq!(more.load().exceeds(&limits), Some(bound));
        let [effects, withdrawals, messages] = segments;
        assert_eq!(replay(start, ENV, &effects, &withdrawals, &messages).unwrap().state.root(), state.root());
    }
}

/// PAY-CUT: batches are cut for circuits that L1 has keys of, and for no others.
#[test]
fn circuits_without_a_key_are_not_cut_for() {
    let among = |ids: &[u64]| Circuits::among(|id| ids.contains(&id));
    assert_eq!(among(&[1, 2, 3, 4]), Some(Circuits::STANDARD));
    let of = |apply: [u64; 2], session: Option<[u64; 2]>| Some((apply, session));
    for (ids, expected) in [
        (&[1][..], of([1, 1], None)),
        (&[2, 4], of([2, 2], Some([4, 4]))),
        (&[1, 2, 3], of([1, 2], Some([3, 3]))),
        (&[2, 9, 4, 10], of([2, 9], Some([4, 10]))),
        (&[1, 2, 9, 3, 4, 10], of([1, 9], Some([3, 10]))),
        (&[9, 3], of([9, 9], Some([3, 3]))),
        (&[5, 7, 8], None),
        (&[3, 4], None),
        (&[], None),
    ] {
        let found = among(ids).map(|circuits| {
            (circuits.apply.map(|circuit| circuit.id), circuits.session.map(|pair| pair.map(|circuit| circuit.id)))
        });
        assert_eq!(found, expected, "{ids:?}");
    }
    let frugal = |ids: &[u64]| Circuits::frugal(|id| ids.contains(&id)).map(|circuits| circuits.apply.map(|c| c.id));
    assert_eq!(frugal(&[1, 2, 9, 3, 4, 10]), Some([1, 2]));
    assert_eq!(frugal(&[2, 9, 4, 10]), Some([2, 2]));
    assert_eq!(frugal(&[9, 10]), Some([9, 9]));
    assert_eq!(frugal(&[3, 10]), None);
}

/// A batch is proven in time whatever the size of its chunks.
#[test]
fn proofs_are_bounded_by_time() {
    let huge = Circuits::among(|id| [2, 9].contains(&id)).unwrap();
    assert_eq!([Circuits::STANDARD, huge].map(|circuits| circuits.apply_proofs_within(3_600)), [305, 74]);
    assert_eq!([Circuits::STANDARD, huge].map(|circuits| circuits.apply_proofs_within(1)), [1, 1]);
}

/// Slots that a batch's message gas lets it have at most (L1-SCHED-5), and so the most messages.
const MESSAGE_SLOTS_MAX: usize = 400;

/// Constraints a second, rounded up, that a prover needs to keep ahead of the queue at its lowest price, 20 slots in a block of twelve seconds: by the number of
/// messages in each batch, at the worst of all sequences of messages of one and of two slots; and at the worst of those that fill a batch of the default limits, 320 of both.
fn needed(circuits: &Circuits) -> (Vec<u64>, u64) {
    let [small, large] = circuits.apply;
    let (mut by_messages, mut by_default) = (alloc::vec![0; MESSAGE_SLOTS_MAX + 1], 0);
    // Slots so far and how they are cut, with the numbers of messages of which a sequence leads there, one bit each.
    let mut reached = BTreeMap::from([((0, 0, 0, 0), U512::from(1))]);
    while let Some(((slots, sealed, open, mark), messages)) = reached.pop_first() {
        let cut = Cut { sealed, open, mark };
        for more in [1, 2].into_iter().filter(|more| slots + more <= MESSAGE_SLOTS_MAX) {
            let Cut { sealed, open, mark } = cut.add(more, circuits.apply);
            *reached.entry((slots + more, sealed, open, mark)).or_default() |= messages << 1_usize;
        }
        if slots == 0 {
            continue;
        }
        let [smalls, larges] = cut.proofs(circuits.apply).map(|proofs| proofs as u64);
        let constraints = smalls * small.constraints + larges * large.constraints;
        let need = (constraints * 20).div_ceil(slots as u64 * 12);
        for (number, worst) in by_messages.iter_mut().enumerate().filter(|(number, _)| messages.bit(*number)) {
            assert!(number > 0);
            *worst = need.max(*worst);
        }
        if slots == 319 || slots == 320 {
            by_default = need.max(by_default);
        }
    }
    (by_messages, by_default)
}

/// PAY-MESSAGE-GAS: the figures there, searched for among all sequences of messages.
#[test]
fn provers_keep_ahead_of_the_queue() {
    for (ids, from_eight, ahead_as_measured, ahead_at_half, by_default) in [
        (&[1, 2][..], 70_373, 3, 39, 32_975),
        (&[2, 9], 105_559, 10, 82, 32_786),
        (&[2], 105_559, 10, 59, 34_415),
        (&[1, 2, 9], 290_516, 42, 244, 32_786),
        (&[9], 435_774, 42, 244, 32_786),
        (&[1], 48_160, 3, 20, 38_649),
    ] {
        let (needed, found) = needed(&Circuits::among(|id| ids.contains(&id)).unwrap());
        // From how many messages on a prover of this speed keeps ahead, however many they are.
        let ahead = |speed: u64| 1 + needed.iter().rposition(|need| *need > speed).unwrap();
        assert_eq!(needed[8..].iter().max(), Some(&from_eight), "{ids:?}");
        assert_eq!((ahead(85_000), ahead(CONSTRAINTS_PER_S)), (ahead_as_measured, ahead_at_half), "{ids:?}");
        assert_eq!(found, by_default, "{ids:?}");
    }
    let (usual, _) = needed(&Circuits::STANDARD);
    assert_eq!(usual[1..4], [192_639, 96_320, 64_213]);
    assert_eq!(usual[8..14], [70_373, 70_373, 70_373, 70_373, 64_960, 64_960]);
}

/// A full default batch of transfers is bounded by its proofs, one of withdrawals by its bytes; neither comes near the gas cap of
/// EIP-7825.
#[test]
fn default_limits_hold_together() {
    let limits = BatchLimits::default();
    let full = |elements: [usize; 3], signatures| {
        let cut = Cut { sealed: 63, open: 27, mark: 6 };
        Load::new(&Circuits::STANDARD, cut, elements, [signatures, 0, 0])
    };
    let slots = 64 * ApplyCircuit::LARGE.slots;
    let transfers = full([slots, 0, 0], slots - 1);
    assert_eq!(transfers.exceeds(&limits), None);
    assert!(transfers.call_bytes() <= limits.call_bytes_max && transfers.l1_gas() < 1 << 24);
    let withdrawals = full([slots, 2 * (slots - 1), 0], slots - 1);
    assert_eq!(withdrawals.exceeds(&limits), Some(Bound::CallBytes));
    // 400 forced withdrawals that pay, the most that one batch may consume (PAY-MESSAGE-GAS)
    let cut = (0..400).fold(Cut::default(), |cut, _| cut.add(1, Circuits::STANDARD.apply));
    let forced = Load::new(&Circuits::STANDARD, cut, [400, 800, 800], [0; 3]);
    assert_eq!((forced.apply, forced.exceeds(&limits)), ([0, 15], None));
    for ids in [&[9, 10][..], &[1, 9, 3, 10], &[2, 9, 4, 10], &[9], &[1, 3]] {
        let circuits = Circuits::among(|id| ids.contains(&id)).unwrap();
        let cut = (0..400).fold(Cut::default(), |cut, _| cut.add(1, circuits.apply));
        let forced = Load::new(&circuits, cut, [400, 800, 800], [0; 3]);
        let exceeded = if ids == [1, 3] { Some(Bound::ApplyProofs) } else { None };
        assert_eq!(forced.exceeds(&limits), exceeded, "{ids:?}");
        assert!(forced.call_bytes() <= limits.call_bytes_max && forced.l1_gas() <= limits.l1_gas_max, "{ids:?}");
    }
    // calldata at the floor price of EIP-7623, every byte other than zero, is within the estimate
    for load in [transfers, withdrawals, Load::default()] {
        assert!(21_000 + 40 * load.call_bytes() <= load.l1_gas());
    }
}

/// No batch has more operations than one of transfers between existing accounts, each of which posts one element and takes one slot; the fee's credit is one more of both.
#[test]
fn a_call_holds_the_greatest_batch_of_each_set_of_circuits() {
    let limits = BatchLimits::DEFAULT;
    let exceeds = |circuits: &Circuits, transfers: usize| {
        let slots = transfers + 1;
        let cut = (0..slots).fold(Cut::default(), |cut, _| cut.add(1, circuits.apply));
        Load::new(circuits, cut, [slots, 0, 0], [transfers, 0, 0]).exceeds(&limits)
    };
    for (ids, expected, bound) in [
        // A tail of two small proofs would be the 65th: the last large chunk stays empty.
        (&[1, 2, 3, 4][..], 1_706, Bound::ApplyProofs),
        (&[2, 4], 1_727, Bound::ApplyProofs),
        (&[1, 3], 383, Bound::ApplyProofs),
        (&[9, 3], 1_344, Bound::L1Gas),
        (&[2, 9, 4], 2_613, Bound::CallBytes),
        (&[2, 9, 4, 10], 3_135, Bound::CallBytes),
        (&[1, 2, 9, 3, 4, 10], 3_135, Bound::CallBytes),
        (&[9, 10], 3_135, Bound::CallBytes),
    ] {
        let circuits = Circuits::among(|id| ids.contains(&id)).unwrap();
        let most = (0..).take_while(|transfers| exceeds(&circuits, *transfers).is_none()).last();
        assert_eq!((most, exceeds(&circuits, expected + 1)), (Some(expected), Some(bound)), "{ids:?}");
        assert!(expected < limits.elements_max());
    }
    let posts = |elements| Load { elements: [elements, 0, 0], ..Load::default() }.exceeds(&limits);
    let most = limits.elements_max();
    assert_eq!((most, posts(most), posts(most + 1)), (3_930, None, Some(Bound::CallBytes)));
}

/// The one figure measured (docs/contracts/payments.md): three proofs under two keys, 618,137 gas without transaction and storage.
#[test]
fn the_gas_formula_covers_what_was_measured() {
    let load = Load { elements: [10, 4, 2], apply: [2, 0], authorise: [[1, 0], [0; 2], [0; 2]] };
    let (transaction, calldata, storage) = (21_000, 16 * load.call_bytes(), 12 * 22_100);
    assert!(load.l1_gas() > 618_137 + transaction + calldata + storage);
}

/// No fee is taken that could not be credited (PAY-FEE).
#[test]
fn the_operators_leaf_is_made_while_there_is_room() {
    let operator = account(0x55);
    let env = Env { operator, ..ENV };
    let begin = |count| with(funded().with_leaf_count(count), env, Circuits::STANDARD, UNLIMITED);
    // room for one leaf, which is the operator's
    let mut builder = begin(CAPACITY - 1);
    let root = builder.ledger().state().root();
    assert_eq!(tries(&mut builder, 1, transfer(9)), Err(Refused::NoOperatorLeaf), "the last leaf to somebody else");
    assert_eq!(builder.ledger().state().root(), root);
    apply(&mut builder, 1, transfer(2));
    assert_eq!((builder.ledger().fee(), builder.ledger().operator_has_leaf()), (0, true));
    builder.message(&deposit(account(9), Address::ZERO, 3)).unwrap();
    apply(&mut builder, 1, transfer(2));
    let (batch, state) = builder.finish();
    let variants: Vec<_> = batch.chunks.iter().flat_map(|chunk| &chunk.slots).map(|slot| slot.variant).collect();
    use Variant::*;
    assert_eq!(variants[..6], [Transfer, Create, FeeCredit, DepositFull, Transfer, FeeCredit]);
    assert_eq!(state.get(Key::eth(operator)).unwrap().balance, 42_000 * u128::from(PRICE));
    assert_eq!(batch.chunks.last().unwrap().fee_out, 0);

    // no room
    let mut builder = begin(CAPACITY);
    assert_eq!(tries(&mut builder, 1, transfer(2)), Err(Refused::NoOperatorLeaf));
    let operation = sign(builder.ledger().state(), 1, transfer(2));
    let signer = held(builder.ledger().state(), account(1), SignatureKind::Session);
    builder.user(&operation, signer, 0).unwrap();
    assert_eq!(builder.finish().0.chunks[0].fee_out, 0);

    // room for two
    let mut builder = begin(CAPACITY - 2);
    apply(&mut builder, 1, transfer(9));
    assert!(builder.ledger().state().is_full());
    builder.finish();

    // the last leaf is the operator's own, made by the transfer
    let mut builder = begin(CAPACITY - 1);
    apply(&mut builder, 1, Call::Transfer { recipient: operator, amount: 5 });
    assert_eq!(builder.finish().1.get(Key::eth(operator)).unwrap().balance, 5 + 42_000 * u128::from(PRICE));

    // the sentinel is nobody
    let mut builder = with(funded(), Env { operator: Address::ZERO, ..ENV }, Circuits::STANDARD, UNLIMITED);
    assert_eq!(tries(&mut builder, 1, transfer(2)), Err(Refused::NoOperatorLeaf));
    builder.message(&deposit(account(9), Address::ZERO, 3)).unwrap();
    builder.finish();
}

/// An operator so rich that fees would not fit gets none; a deposit that would make it so comes after its fees.
#[test]
fn fees_do_not_overflow_the_operators_balance() {
    let fee = 21_000 * u128::from(PRICE);
    let rich = |balance| {
        let state = funded();
        let index = state.find(Key::eth(ENV.operator)).unwrap();
        state.with_leaf(index, |leaf| leaf.balance = balance)
    };
    let mut builder = standard(rich(u128::MAX - fee));
    apply(&mut builder, 1, transfer(2));
    assert_eq!(tries(&mut builder, 1, transfer(2)), Err(Refused::Overflow));
    assert_eq!(builder.finish().1.get(Key::eth(ENV.operator)).unwrap().balance, u128::MAX);

    let mut builder = standard(rich(u128::MAX - fee));
    let call = Call::Transfer { recipient: ENV.operator, amount: 1 };
    assert_eq!(tries(&mut builder, 1, call), Err(Refused::Overflow));
    apply(&mut builder, 1, transfer(2));
    builder.message(&deposit(ENV.operator, Address::ZERO, 1)).unwrap();
    let (batch, state) = builder.finish();
    let variants: Vec<_> = batch.chunks[0].slots.iter().map(|slot| slot.variant).collect();
    assert_eq!(variants[..3], [Variant::Transfer, Variant::FeeCredit, Variant::DepositOverflow]);
    assert_eq!(state.get(Key::eth(ENV.operator)).unwrap().balance, u128::MAX);
    assert_eq!(batch.withdrawals.len(), 2);
    let _ = Message::Forced { key: Key::ZERO };
}
