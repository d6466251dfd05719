// Permit2 at its usual address: tokens that a signature allows, once and up to its amount.
"use strict";
const assert = require("assert/strict");
const { Contract, ContractFactory, JsonRpcProvider, Wallet, keccak256 } = require("ethers");
const { artifact } = require("../harness/solidity");
const { suite } = require("../harness/suite");

const PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3";
const ABI = [
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "function permitTransferFrom(((address token, uint256 amount) permitted, uint256 nonce, uint256 deadline) permit, (address to, uint256 requestedAmount) transferDetails, address owner, bytes signature)",
  "error InvalidNonce()",
  "error SignatureExpired(uint256 signatureDeadline)",
];
const TYPES = {
  PermitTransferFrom: [
    { name: "permitted", type: "TokenPermissions" },
    { name: "spender", type: "address" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
  TokenPermissions: [
    { name: "token", type: "address" },
    { name: "amount", type: "uint256" },
  ],
};
const RECIPIENT = "0x00000000000000000000000000000000000000b2";

suite("permit2", async ({ check, rpc, key, chainId }) => {
  const node = new JsonRpcProvider(rpc, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 100 });
  // It pays for itself and signs for itself: nobody checks that they are two.
  const wallet = new Wallet(key, node);
  const permit2 = new Contract(PERMIT2, ABI, wallet);
  const done = async (sent) => assert.equal((await (await sent).wait()).status, 1);
  const later = async () => (await node.getBlock("latest")).timestamp + 600;
  const permit = async (token, amount, nonce, deadline) => {
    const asked = { permitted: { token, amount }, nonce, deadline };
    const domain = { name: "Permit2", chainId, verifyingContract: PERMIT2 };
    return [asked, await wallet.signTypedData(domain, TYPES, { ...asked, spender: wallet.address })];
  };

  await check("it is there, and knows which chain this is", async () => {
    assert.notEqual(keccak256(await node.getCode(PERMIT2)), keccak256("0x"));
    assert.match(await permit2.DOMAIN_SEPARATOR(), /^0x[0-9a-f]{64}$/);
  });
  const token = await check("a token that it may move", async () => {
    const { abi, bytecode } = artifact("Token");
    const token = await (await new ContractFactory(abi, bytecode, wallet).deploy(1_000n)).waitForDeployment();
    await done(token.approve(PERMIT2, 1_000n));
    return token;
  });
  await check("a signature moves tokens, once", async () => {
    const [asked, signature] = await permit(await token.getAddress(), 70n, 0n, await later());
    const details = { to: RECIPIENT, requestedAmount: 70n };
    await done(permit2.permitTransferFrom(asked, details, wallet.address, signature));
    assert.equal(await token.balanceOf(RECIPIENT), 70n);
    await assert.rejects(permit2.permitTransferFrom.staticCall(asked, details, wallet.address, signature), /InvalidNonce/);
  });
  await check("not more than it says, nor later", async () => {
    const [asked, signature] = await permit(await token.getAddress(), 70n, 1n, await later());
    await assert.rejects(permit2.permitTransferFrom.staticCall(asked, { to: RECIPIENT, requestedAmount: 71n }, wallet.address, signature));
    const [old, signed] = await permit(await token.getAddress(), 70n, 2n, 1n);
    await assert.rejects(permit2.permitTransferFrom.staticCall(old, { to: RECIPIENT, requestedAmount: 70n }, wallet.address, signed), /SignatureExpired/);
  });
});
