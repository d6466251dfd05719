//! A slot whose parent died in mid-dispute: DISP-DEAD-1. The simulation's slots live.

use alloy_primitives::{Address, B256};
use tandem_dispute::{
    Caller, Dispute, DisputeError, Ending, HEIGHT, Joining, MatchRef, Run, Terms, TournamentStatus, Tree, inner_id,
};

const NOW: u64 = 1_000_000;
const ALICE: Address = Address::repeat_byte(1);
const BOB: Address = Address::repeat_byte(2);

fn joining(joiner: Address, run: &Run) -> Joining {
    Joining::with(joiner, run)
}

fn play_down(dispute: &mut Dispute, of: &MatchRef, runs: [&Run; 2]) {
    let caller = Caller { account: BOB, refund_gwei: 1_000 };
    for height in (1..=HEIGHT).rev() {
        let game = dispute.game(of).unwrap().clone();
        let run = runs[game.turn as usize];
        let opened = run.children(height, game.index);
        let child = 2 * game.index + u64::from(opened.left == game.others.left);
        if height > 1 {
            dispute.advance(NOW, of, height, opened, run.children(height - 1, child), caller).unwrap();
        } else {
            let start = dispute.tournament(of.tournament).unwrap().start;
            dispute.seal(NOW, of, opened, start, &[], caller).unwrap();
        }
    }
}

#[test]
fn bonds_go_back_from_every_level_once() {
    let states = [1, 2, 3].map(B256::repeat_byte);
    let mut dispute = Dispute::open(Terms::MAINNET, B256::ZERO, states[0], NOW);
    let id = dispute.round_id();
    let runs = [Run::uniform(states[1]), Run::uniform(states[2])];
    let one = dispute.join(NOW, id, &joining(ALICE, &runs[0]), Ending::Trapped).unwrap();
    let two = dispute.join(NOW, id, &joining(BOB, &runs[1]), Ending::Unhalted).unwrap();
    let lonely = Run::uniform(states[1]).then(9, states[2]);
    dispute.join(NOW, id, &joining(BOB, &lonely), Ending::Unhalted).unwrap();
    let outer = MatchRef { tournament: id, one, two };
    play_down(&mut dispute, &outer, [&runs[0], &runs[1]]);
    let inner = inner_id(&outer);
    dispute.join_inner(NOW, inner, &joining(ALICE, &runs[0])).unwrap();

    assert_eq!(dispute.kill(id, true), Err(DisputeError::Alive { tournament: id }));
    assert_eq!(dispute.kill(inner, false), Err(DisputeError::Alive { tournament: inner }));
    assert_eq!(dispute.reclaim_match(&outer), Err(DisputeError::NotDead { tournament: id }));
    dispute.kill(id, false).unwrap();
    // The inner one is not told yet, but nobody new is lured into it.
    let status = Some(TournamentStatus::Dead);
    let refused = dispute.join_inner(NOW, inner, &joining(BOB, &runs[1]));
    assert_eq!(refused, Err(DisputeError::NotOpen { tournament: id, status }));
    dispute.kill(inner, false).unwrap();

    dispute.reclaim_match(&outer).unwrap();
    dispute.reclaim_waiting(id, 0).unwrap();
    dispute.reclaim_waiting(inner, 0).unwrap();
    assert_eq!(dispute.reclaim_waiting(id, 0), Err(DisputeError::NobodyWaits { rank: 0 }));
    assert!(matches!(dispute.reclaim_match(&outer), Err(DisputeError::NoMatch { .. })));
    assert!(dispute.is_balanced());
    let bonds = 3 * Terms::MAINNET.bond_gwei(0) + Terms::MAINNET.bond_gwei(1);
    assert_eq!(dispute.withdraw(ALICE) + dispute.withdraw(BOB), bonds);
    assert_eq!(dispute.burned_gwei(), 0);
}
