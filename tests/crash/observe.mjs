// What there is in the end: profiles and records of everybody the oracle spoke for, the bus, the LLM's calls.

async function inParallel(list, width, work) {
  const left = list[Symbol.iterator]();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const one of left) await work(one);
  }));
}

export async function observe(ground, book, accounts) {
  const profiles = new Map();
  const records = new Map();
  await inParallel([...book.users.values()], 8, async (user) => {
    const lists = await ground.profile(user.id);
    profiles.set(user.id, Object.values(lists).filter(Array.isArray).flat());
    for (const session of user.sessions) {
      const record = await ground.context(session);
      if (record) records.set(session.id, record);
    }
  });
  const subscription = await ground.subscription();
  const deadLetters = await ground.deadLetters();
  const calls = await accounts.finish();
  return { profiles, records, bus: { ...subscription, deadLetters }, calls, inFlight: accounts.inFlight };
}
