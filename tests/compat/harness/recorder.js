// A proxy between a client and the node that keeps what was said, so that a failed check can show it. Clients notice nothing of it.
"use strict";
const http = require("http");
const { WebSocket, WebSocketServer } = require("ws");

/** How much of a request or an answer is kept, in characters. */
const KEPT_CHARACTERS = 1_500;
/** How many exchanges are kept. */
const KEPT_EXCHANGES = 200;

const cut = (text) => (text.length > KEPT_CHARACTERS ? `${text.slice(0, KEPT_CHARACTERS)}… (${text.length} characters)` : text);

/** Starts a proxy to `upstream`, an `http://` address; HTTP and WebSocket at one port, as the node has them. */
exports.record = async (upstream) => {
  const kept = [];
  const keep = (request, answer) => {
    kept.push({ request: cut(request), answer: cut(answer) });
    if (kept.length > KEPT_EXCHANGES) kept.shift();
  };
  const { hostname, port } = new URL(upstream);
  const agent = new http.Agent({ keepAlive: true });
  const heard = new WeakSet(); // sockets whose errors have a listener at all times

  const server = http.createServer((request, response) => {
    request.on("error", () => response.destroy());
    response.on("error", () => undefined);
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const asked = Buffer.concat(parts);
      const { method, url, headers } = request;
      const pass = (isFirst) => {
        const onward = http.request({ hostname, port, method, path: url, headers, agent }, (answer) => {
          const told = [];
          // A node that refuses a body closes before all of it is written: what it answered counts.
          answer.on("error", () => undefined);
          answer.on("data", (part) => told.push(part));
          answer.on("end", () => {
            const body = Buffer.concat(told);
            keep(asked.toString(), `${answer.statusCode} ${body}`);
            response.writeHead(answer.statusCode, answer.headers);
            response.end(body);
          });
        });
        onward.on("socket", (socket) => {
          // It may break between two requests, when none of them listens: after an answer that came before the body was written.
          if (!heard.has(socket)) socket.on("error", () => undefined);
          heard.add(socket);
        });
        onward.on("error", (error) => {
          // A connection that the node had closed when it was taken from the pool.
          if (onward.reusedSocket && isFirst) return pass(false);
          keep(asked.toString(), `no answer: ${error.message}`);
          response.destroy();
        });
        onward.end(asked);
      };
      pass(true);
    });
  });

  const sockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (client) => {
      const node = new WebSocket(`ws://${hostname}:${port}`);
      const early = [];
      client.on("message", (data) => {
        keep(data.toString(), "(WebSocket)");
        if (node.readyState === WebSocket.OPEN) node.send(data.toString());
        else early.push(data.toString());
      });
      node.on("open", () => early.splice(0).forEach((message) => node.send(message)));
      node.on("message", (data) => {
        keep("(WebSocket)", data.toString());
        client.send(data.toString());
      });
      node.on("close", (code, reason) => client.close(code >= 1000 && code !== 1006 && code !== 1005 ? code : 1011, reason.toString()));
      client.on("close", () => node.close());
      node.on("error", () => client.terminate());
      client.on("error", () => node.terminate());
    }),
  );

  // Longer than any client keeps a connection that it does not use: none finds it closed.
  server.keepAliveTimeout = 600_000;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${server.address().port}`;
  return {
    url: `http://${address}`,
    ws: `ws://${address}`,
    /** What was said since the last call, oldest first. */
    take: () => kept.splice(0),
    stop: () => server.close(),
  };
};
