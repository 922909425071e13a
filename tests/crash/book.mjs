// The oracle's book: which user was told to say what, in which conversation, and what became of it: said, taken
// back, replaced, forgotten. Pure data and pure questions about it; the judge compares it with what is stored.

/** FNV-1a, 64 bits, in 16 hexadecimal digits: how the LLM stand-in names a message. */
export function messageHash(text) {
  let hash = 14695981039346656037n;
  for (const byte of Buffer.from(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 1099511628211n);
  return hash.toString(16).padStart(16, '0');
}

export class Book {
  constructor() {
    this.users = new Map(); // id: {id, sessions: [session], facts: [fact], forgottenAt}
    this.sessions = new Map(); // id: session
    this.byHash = new Map(); // hash of a user message: {session, turn}
    this.words = new Map(); // the telling word of a fact: fact
    this.published = 0;
  }

  addUser(id) {
    const user = { id, sessions: [], facts: [], forgottenAt: 0 };
    this.users.set(id, user);
    return user;
  }

  /** @param chat a conversation of chats.mjs; its turns are added with said() */
  addSession(user, chat) {
    const session = { id: chat.sessionId, user, chat, forgottenTurns: 0 };
    user.sessions.push(session);
    this.sessions.set(session.id, session);
    return session;
  }

  /**
   * The user said something in the newest turn of this conversation.
   * @param fact {kind: 'like' | 'city', item, word} or null: no fact
   */
  said(session, text, fact) {
    const turn = session.chat.ids.length - 1;
    this.byHash.set(messageHash(text), { session, turn });
    if (!fact) return null;
    const entry = { ...fact, user: session.user, session, turn, state: 'said' };
    if (fact.kind === 'city') {
      for (const old of session.user.facts)
        if (old.kind === 'city' && old.state === 'said') old.state = 'replaced';
    }
    session.user.facts.push(entry);
    this.words.set(fact.word, entry);
    return entry;
  }

  takenBack(fact) {
    fact.state = 'taken back';
  }

  /** Everything this user said so far is to be gone. */
  forgotten(user, at) {
    user.forgottenAt = at;
    for (const fact of user.facts) fact.state = 'forgotten';
    for (const session of user.sessions) session.forgottenTurns = session.chat.ids.length;
  }

  /** Index of a message in its conversation (two messages a turn), or -1. */
  static positionOf(session, messageId) {
    return session.chat.messages.findIndex((m) => m.messageId === messageId);
  }

  /** The turn that this watermark covers, or -1: none of it. */
  static turnCovered(session, messageId) {
    const at = Book.positionOf(session, messageId);
    return at < 0 ? -1 : Math.floor(at / 2);
  }
}
