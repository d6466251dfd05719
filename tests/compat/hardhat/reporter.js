// Tells each test as a line of JSON.
"use strict";
module.exports = class Reporter {
  constructor(runner) {
    const tell = (outcome) => process.stdout.write(`${JSON.stringify(outcome)}\n`);
    runner.on("pass", (test) => tell({ title: test.fullTitle(), ms: test.duration }));
    runner.on("fail", (test, error) => tell({ title: test.fullTitle(), error: `${error.message}\n${error.stack ?? ""}` }));
  }
};
