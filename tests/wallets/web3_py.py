"""web3.py sends everything but 21,000 times the price that it offers. It asks for the gas limit itself."""

import os

from eth_account import Account
from web3 import Web3

TRANSFER_GAS = 21_000

web3 = Web3(Web3.HTTPProvider(os.environ["RPC"]))
account = Account.from_key(os.environ["KEY"])
balance = web3.eth.get_balance(account.address)
priority = web3.eth.max_priority_fee
price = 2 * web3.eth.get_block("latest")["baseFeePerGas"] + priority
transaction = {
    "chainId": web3.eth.chain_id,
    "nonce": web3.eth.get_transaction_count(account.address),
    "from": account.address,
    "to": Web3.to_checksum_address(os.environ["TO"]),
    "value": balance - TRANSFER_GAS * price,
    "maxFeePerGas": price,
    "maxPriorityFeePerGas": priority,
}
transaction["gas"] = web3.eth.estimate_gas(transaction)
signed = account.sign_transaction(transaction)
sent = web3.eth.send_raw_transaction(signed.raw_transaction)
receipt = web3.eth.wait_for_transaction_receipt(sent, poll_latency=0.1)
left = web3.eth.get_balance(account.address)
assert left == TRANSFER_GAS * price - receipt["gasUsed"] * receipt["effectiveGasPrice"], f"{left} wei are left"
print(Web3.to_hex(sent))
