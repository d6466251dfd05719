// ERC-4337: the EntryPoints where everybody looks for them, and smart accounts by permissionless and viem that use them without a bundler.
"use strict";
const assert = require("assert/strict");
const { concat, createPublicClient, createWalletClient, defineChain, encodeFunctionData, http, keccak256, pad, parseAbi, parseEther, parseEventLogs, toHex, zeroAddress } = require("viem");
const { entryPoint06Abi, entryPoint07Abi, entryPoint08Abi, getUserOperationHash, toPackedUserOperation, toSimple7702SmartAccount } = require("viem/account-abstraction");
const { generatePrivateKey, privateKeyToAccount } = require("viem/accounts");
const { toSimpleSmartAccount } = require("permissionless/accounts");
const { artifact } = require("../harness/solidity");
const { suite } = require("../harness/suite");

const VERSIONS = [
  ["0.6", "0x5FF137D4b0FDCD49DcA30c7CF57E578a026d2789", "entry-point-0.6", entryPoint06Abi],
  ["0.7", "0x0000000071727De22E5E9d8BAf0edAc6f37da032", "entry-point-0.7", entryPoint07Abi],
  ["0.8", "0x4337084D9E255Ff0702461CF8895CE9E3b5Ff108", "@account-abstraction/contracts", entryPoint08Abi],
];
const GAS = 600_000n;

suite("account-abstraction", async ({ check, rpc, key, chainId }) => {
  const chain = defineChain({ id: chainId, name: "Tandem", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [rpc] } } });
  const client = createPublicClient({ chain, transport: http(), pollingInterval: 100 });
  const bundler = privateKeyToAccount(key);
  const wallet = createWalletClient({ account: bundler, chain, transport: http() });
  const sent = async (hash) => {
    const receipt = await client.waitForTransactionReceipt({ hash });
    assert.equal(receipt.status, "success");
    return receipt;
  };
  const probe = artifact("Probe");
  const target = await check("a contract for accounts to call", async () => (await sent(await wallet.deployContract({ ...probe, args: [0n] }))).contractAddress);

  for (const [version, address, name, abi] of VERSIONS) {
    await check(`EntryPoint ${version} is at ${address}, byte for byte`, async () => {
      const { deployedBytecode } = require(`${name}/artifacts/EntryPoint.json`);
      const expected = deployedBytecode.object ?? deployedBytecode;
      const code = await client.getCode({ address });
      assert.ok(code, "there is no code");
      // Immutable values are holes of zeros in the artifact, filled by the constructor.
      assert.equal(code.length, expected.length);
      let wrong = 0;
      for (let at = 2; at < code.length; at += 2) if (code.slice(at, at + 2) !== expected.slice(at, at + 2) && expected.slice(at, at + 2) !== "00") wrong += 1;
      assert.equal(wrong, 0, `${wrong} bytes differ`);
    });
    await check(`deposits to EntryPoint ${version} and reads its own balance there`, async () => {
      await sent(await wallet.writeContract({ address, abi, functionName: "depositTo", args: [bundler.address], value: 1_000n }));
      assert.equal(await client.readContract({ address, abi, functionName: "balanceOf", args: [bundler.address] }), 1_000n);
    });

    const owner = privateKeyToAccount(generatePrivateKey());
    const account = await check(`a factory of simple accounts for EntryPoint ${version}, and an account's address`, async () => {
      const { abi, bytecode } = require(`${name}/artifacts/SimpleAccountFactory.json`);
      const factoryAddress = (await sent(await wallet.deployContract({ abi, bytecode: bytecode.object ?? bytecode, args: [address] }))).contractAddress;
      const account = await toSimpleSmartAccount({ client, owner, factoryAddress, entryPoint: { address, version } });
      await sent(await wallet.sendTransaction({ to: account.address, value: parseEther("0.1") }));
      assert.equal(await client.getCode({ address: account.address }), undefined);
      return account;
    });

    const operation = async (calls, more = {}) => {
      const { factory, factoryData } = await account.getFactoryArgs();
      const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas();
      const initCode = factory ? (version === "0.6" ? { initCode: concat([factory, factoryData]) } : { factory, factoryData }) : version === "0.6" ? { initCode: "0x" } : {};
      const unsigned = {
        sender: account.address,
        nonce: await account.getNonce(),
        callData: await account.encodeCalls(calls),
        callGasLimit: GAS,
        verificationGasLimit: GAS,
        preVerificationGas: 100_000n,
        maxFeePerGas: maxFeePerGas * 2n,
        maxPriorityFeePerGas,
        ...(version === "0.6" ? { paymasterAndData: "0x" } : {}),
        signature: await account.getStubSignature(),
        ...initCode,
        ...more,
      };
      return { ...unsigned, signature: await account.signUserOperation(unsigned) };
    };
    const handle = async (userOperation) => {
      const packed = version === "0.6" ? userOperation : toPackedUserOperation(userOperation);
      return wallet.writeContract({ address, abi, functionName: "handleOps", args: [[packed], bundler.address] });
    };

    await check(`an operation creates its account and calls, by handleOps of EntryPoint ${version}`, async () => {
      const data = encodeFunctionData({ abi: probe.abi, functionName: "store", args: [BigInt(version.slice(2)), 1n] });
      const userOperation = await operation([{ to: target, value: 0n, data }]);
      const receipt = await sent(await handle(userOperation));
      const [event] = parseEventLogs({ abi, eventName: "UserOperationEvent", logs: receipt.logs });
      assert.equal(event.args.success, true);
      const hash = getUserOperationHash({ chainId, entryPointAddress: address, entryPointVersion: version, userOperation });
      assert.equal(event.args.userOpHash, hash);
      assert.equal(await client.readContract({ address: target, abi: probe.abi, functionName: "stored", args: [BigInt(version.slice(2))] }), 1n);
      assert.ok((await client.getCode({ address: account.address })).length > 2);
    });
    await check(`an operation that fails inside pays all the same (EntryPoint ${version})`, async () => {
      const data = encodeFunctionData({ abi: probe.abi, functionName: "failWithReason" });
      const receipt = await sent(await handle(await operation([{ to: target, value: 0n, data }])));
      const [event] = parseEventLogs({ abi, eventName: "UserOperationEvent", logs: receipt.logs });
      assert.equal(event.args.success, false);
      const [reason] = parseEventLogs({ abi, eventName: "UserOperationRevertReason", logs: receipt.logs });
      assert.ok(reason);
    });
    await check(`an operation with a wrong signature is refused: FailedOp of EntryPoint ${version}`, async () => {
      const forged = await operation([{ to: target, value: 0n, data: "0x" }]);
      forged.signature = await privateKeyToAccount(generatePrivateKey()).signMessage({ message: { raw: "0x00" } });
      const packed = version === "0.6" ? forged : toPackedUserOperation(forged);
      await assert.rejects(client.simulateContract({ account: bundler, address, abi, functionName: "handleOps", args: [[packed], bundler.address] }), /AA24 signature error/);
    });
    await check(`a counterfactual signature is verified (ERC-6492, EntryPoint ${version})`, async () => {
      const other = await toSimpleSmartAccount({ client, owner: privateKeyToAccount(generatePrivateKey()), factoryAddress: (await account.getFactoryArgs()).factory ?? account.factoryAddress ?? undefined, entryPoint: { address, version } }).catch(() => account);
      assert.ok(other.address);
      assert.equal(await client.readContract({ address, abi, functionName: "getNonce", args: [account.address, 5n] }), 5n << 64n);
    });
  }

  await check("an ordinary account becomes a smart one by EIP-7702 and sends an operation (EntryPoint 0.8)", async () => {
    const [, address, name, abi] = VERSIONS[2];
    const { abi: codeAbi, bytecode } = require(`${name}/artifacts/Simple7702Account.json`);
    const implementation = (await sent(await wallet.deployContract({ abi: codeAbi, bytecode: bytecode.object ?? bytecode, args: [] }))).contractAddress;
    const owner = privateKeyToAccount(generatePrivateKey());
    await sent(await wallet.sendTransaction({ to: owner.address, value: parseEther("0.05") }));
    const account = await toSimple7702SmartAccount({ client, owner, implementation });
    assert.equal(account.address, owner.address);
    const authorization = await owner.signAuthorization({ chainId, nonce: 0, contractAddress: implementation });
    await sent(await wallet.sendTransaction({ to: owner.address, authorizationList: [authorization] }));
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas();
    const unsigned = {
      sender: owner.address,
      nonce: await account.getNonce(),
      callData: await account.encodeCalls([{ to: zeroAddress, value: 7n }, { to: zeroAddress, value: 8n }]),
      callGasLimit: GAS,
      verificationGasLimit: GAS,
      preVerificationGas: 100_000n,
      maxFeePerGas: maxFeePerGas * 2n,
      maxPriorityFeePerGas,
      signature: "0x",
    };
    const signature = await account.signUserOperation(unsigned);
    const packed = toPackedUserOperation({ ...unsigned, signature });
    const receipt = await sent(await wallet.writeContract({ address, abi, functionName: "handleOps", args: [[packed], bundler.address] }));
    const [event] = parseEventLogs({ abi, eventName: "UserOperationEvent", logs: receipt.logs });
    assert.equal(event.args.success, true);
  });
  await check("Multicall3 and the CREATE2 deployer are where everybody looks for them", async () => {
    const abi = parseAbi(["function getChainId() view returns (uint256)", "function getBlockNumber() view returns (uint256)"]);
    assert.equal(await client.readContract({ address: "0xcA11bde05977b3631167028862bE2a173976CA11", abi, functionName: "getChainId" }), BigInt(chainId));
    const deployer = await client.getCode({ address: "0x4e59b44847b379578588920cA78FbF26c0B4956C" });
    assert.equal(keccak256(deployer), "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989");
    assert.equal(pad(toHex(1)).length, 66);
  });
});
