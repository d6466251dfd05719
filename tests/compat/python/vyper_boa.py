"""Vyper by Titanoboa, and banteg's multicall: deploys, calls, forks, gathers."""

import boa
from eth_account import Account
from multicall import Call, Multicall
from suite import CHAIN_ID, KEY, RPC, check
from web3 import Web3

SUITE = "titanoboa"
SOURCE = """
value: public(uint256)
event Stored:
    by: indexed(address)
    value: uint256
@deploy
def __init__(first: uint256):
    self.value = first
@external
def store(what: uint256):
    assert what != 13, "not thirteen"
    self.value = what
    log Stored(by=msg.sender, value=what)
"""
account = Account.from_key(KEY)
boa.set_network_env(RPC)
boa.env.add_account(account)


@check(SUITE, "deploys Vyper")
def contract():
    deployed = boa.loads(SOURCE, 7)
    assert deployed.value() == 7
    return deployed


@check(SUITE, "sends, and reads the events")
def _():
    contract.store(8)
    assert [type(event).__name__ for event in contract.get_logs()] == ["Stored"]
    assert contract.value() == 8


@check(SUITE, "a failed assertion is told")
def _():
    try:
        contract.store(13)
    except Exception as error:  # noqa: BLE001: boa's own kinds are several
        assert "not thirteen" in str(error), error
        return
    raise AssertionError("it succeeded")


@check(SUITE, "forks the chain and plays on")
def _():
    with boa.fork(RPC, block_identifier="latest", allow_dirty=True):
        forked = boa.loads_partial(SOURCE).at(contract.address)
        assert forked.value() == 8
        with boa.env.prank(account.address):
            forked.store(99)
        assert forked.value() == 99


@check("multicall.py", "gathers calls by overriding state")
def _():
    web3 = Web3(Web3.HTTPProvider(RPC))
    import multicall.constants as constants

    assert web3.eth.chain_id == CHAIN_ID
    address = Web3.to_checksum_address("0xcA11bde05977b3631167028862bE2a173976CA11")
    for known in [constants.MULTICALL2_ADDRESSES, constants.MULTICALL3_ADDRESSES]:
        known[CHAIN_ID] = address
    calls = [Call(str(contract.address), ["value()(uint256)"], [[name, None]]) for name in ["first", "second"]]
    assert Multicall(calls, _w3=web3)() == {"first": 8, "second": 8}
