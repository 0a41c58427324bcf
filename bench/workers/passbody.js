// The floor for whoever must read the request first.
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const body = await request.arrayBuffer();
    return fetch(env.UPSTREAM + pathname, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  },
};
