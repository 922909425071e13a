// An LLM that answers what a case says: for each new message of the user's that holds one of the texts of `says`, the
// operation beside it, with the whole message as its quote; and the summary that `tell` makes of the user's new messages
// and the prompt, or one of their number. Or what its endpoint sends, one after the other: `answers`, [{status, headers,
// body}], the last again and again. Keeps what it was asked.
import http from 'node:http';

/** The lines of the last user prompt that are messages: [{n, role, new, text}]. */
function messagesOf(request) {
  const prompt = request.messages.findLast((m) => m.role === 'user').content;
  const text = typeof prompt === 'string' ? prompt : prompt.map((part) => part.text).join('\n');
  return text.split('\n').filter((line) => line.startsWith('{"n":')).map((line) => JSON.parse(line));
}

const textOf = (request) => request.messages.map((m) => JSON.stringify(m.content)).join('\n');

function analysisOf(request, says, tell) {
  const operations = [];
  const said = messagesOf(request).filter((m) => m.role === 'user' && m.new);
  for (const message of said) {
    for (const [needle, operation] of Object.entries(says)) {
      if (message.text.includes(needle)) {
        operations.push({ op: 'add', replaces: '', message: message.n, quote: message.text, ...operation });
      }
    }
  }
  return {
    summary: tell(said, textOf(request)), themes: [], persons: [], places: [], user_sentiment: 'neutral', operations,
  };
}

export class ScriptedLlm {
  constructor(says, { answers = [], tell = (said) => `The user told the assistant about ${said.length} things.` } = {}) {
    Object.assign(this, { says, answers, tell });
    this.calls = 0;
    this.requests = [];
    this.server = http.createServer((request, response) => {
      const pieces = [];
      request.on('data', (piece) => pieces.push(piece));
      request.on('end', () => this.answer(JSON.parse(Buffer.concat(pieces).toString()), response));
    });
  }

  async listen() {
    await new Promise((resolve) => { this.server.listen(0, '127.0.0.1', resolve); });
    this.url = `http://127.0.0.1:${this.server.address().port}/v1`;
    return this;
  }

  answer(request, response) {
    const hasSchema = request.response_format !== undefined;
    if (hasSchema) {
      this.calls += 1;
      this.requests.push(request);
      const scripted = this.answers[Math.min(this.calls, this.answers.length) - 1];
      if (scripted) return response.writeHead(scripted.status, scripted.headers).end(JSON.stringify(scripted.body));
    }
    const content = hasSchema ? JSON.stringify(analysisOf(request, this.says, this.tell)) : 'yes';
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify({
      id: 'case', object: 'chat.completion', created: 0, model: request.model,
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
      usage: { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 },
    }));
  }

  async close() {
    this.server.closeAllConnections();
    await new Promise((resolve) => { this.server.close(resolve); });
  }
}
