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
 * @param options {user, session, turns, text: what the user says in turn i}
 */
export function conversation(number, options = {}) {
  const { user = `user-${number}`, session = `session-${number}`, turns = 1, title = `Talk ${number}` } = options;
  const text = options.text ?? ((turn) => `Hello there. I like ${hobby(number * 8 + turn)}.`);
  const chat = { userId: user, sessionId: session, title, messages: [], ids: [], likes: [] };
  for (let turn = 0; turn < turns; turn += 1) addTurn(chat, text(turn), number, turn);
  return chat;
}

export function addTurn(chat, text, number = 0, turn = chat.ids.length) {
  const id = `${chat.sessionId}-m${chat.ids.length + 1}`;
  const timestamp = new Date(START + number * 60_000 + turn * 1000).toISOString();
  chat.ids.push(id);
  chat.messages.push({ messageId: `${id}_user`, role: 'user', content: text, timestamp });
  chat.messages.push({ messageId: `${id}_assistant`, role: 'assistant', content: 'I see, tell me more.', timestamp });
  const like = /I like (\w+)\./.exec(text);
  if (like) chat.likes.push(`Likes ${like[1]}`);
  return chat;
}

/** The value of session:{sessionId}. */
export function stored(chat) {
  return JSON.stringify({
    sessionId: chat.sessionId, userId: chat.userId, createdAt: chat.messages[0]?.timestamp ?? new Date(START).toISOString(),
    title: chat.title, lastActivity: chat.messages.at(-1)?.timestamp ?? new Date(START).toISOString(),
    messages: chat.messages,
  });
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
