// The floor: the provider's answer, untouched.
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    return fetch(env.UPSTREAM + pathname, { method: 'POST', headers: { 'content-type': 'application/json' }, body: request.body });
  },
};
