"use strict";
module.exports = async ({ getNamedAccounts, deployments: { deploy, execute } }) => {
  const { deployer } = await getNamedAccounts();
  await deploy("Box", { from: deployer, log: false });
  await execute("Box", { from: deployer }, "set", 42);
};
module.exports.tags = ["Box"];
