// A JavaScript TransformStream that does nothing: what waking once per chunk costs.
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    const body = await request.arrayBuffer();
    const response = await fetch(env.UPSTREAM + pathname, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const identity = new TransformStream({ transform: (chunk, controller) => controller.enqueue(chunk) });
    return new Response(response.body.pipeThrough(identity), { headers: { 'content-type': response.headers.get('content-type') } });
  },
};
