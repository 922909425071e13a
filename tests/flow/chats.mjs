// Conversations as the chat application stores them, and their events. Every conversation tells facts that no other
// tells, so that a lost one and one applied twice are both seen in the profile.

const START = Date.parse('2026-01-05T08:00:00.000Z');

/** The n-th of something to like: one word of letters only, never part of another one. */
export function hobby(n) {
  let word = '';
  for (let i = 0, rest = n; i < 4; i += 1, rest = Math.floor(rest / 20)) {
    word += 'bcdfghjklmnpqrstvwxz'[rest % 20] + 'aeiou'[(rest + i) % 5];
  }
  return `${word}ball`;
}

/**
 * A conversation of `turns` turns; in each the user likes one thing.
 * @param number what makes it different from the others
 * @param options {user, session, title, turns, text: what the user says in turn i, at: time of the first turn in ms}
 */
export function conversation(number, options = {}) {
  const { user = `user-${number}`, session = `session-${number}`, title = `Talk ${number}` } = options;
  const { turns = 1, at = START + number * 60_000 } = options;
  const text = options.text ?? ((turn) => `Hello there. I like ${hobby(number * 8 + turn)}.`);
  const chat = { userId: user, sessionId: session, title, at, messages: [], ids: [], likes: [] };
  for (let turn = 0; turn < turns; turn += 1) addTurn(chat, text(turn));
  return chat;
}

/** One turn more, a second after the one before it. */
export function addTurn(chat, text) {
  const timestamp = new Date(chat.at + chat.ids.length * 1000).toISOString();
  const id = `${chat.sessionId}-m${chat.ids.length + 1}`;
  chat.ids.push(id);
  chat.messages.push({ messageId: `${id}_user`, role: 'user', content: text, timestamp });
  chat.messages.push({ messageId: `${id}_assistant`, role: 'assistant', content: 'I see, tell me more.', timestamp });
  const like = /I like (\w+)\./.exec(text);
  if (like) chat.likes.push(`Likes ${like[1]}`);
  return chat;
}

/** The value of session:{sessionId}. */
export function stored(chat) {
  const { sessionId, userId, title, messages } = chat;
  const createdAt = messages[0].timestamp;
  return JSON.stringify({ sessionId, userId, createdAt, title, lastActivity: messages.at(-1).timestamp, messages });
}

/** The bus's message for turn `turn` (default: the last). `change` overrides fields of the body. */
export function event(chat, turn = chat.ids.length - 1, change = {}) {
  const id = chat.ids[turn];
  return {
    messageId: `${id}_completed`,
    sessionId: chat.sessionId,
    body: {
      sessionId: chat.sessionId, userId: chat.userId, chatMessageId: id,
      completedAt: chat.messages[turn * 2 + 1].timestamp, eventType: 'message_completed', ...change,
    },
  };
}

export function lastMessageId(chat) {
  return chat.messages.at(-1).messageId;
}
