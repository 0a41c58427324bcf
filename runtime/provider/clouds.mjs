// The wires of others under the addresses and keys of a cloud: Azure OpenAI, Vertex AI.

import * as chat from './chat.mjs';
import * as gemini from './gemini.mjs';
import * as messages from './messages.mjs';
import * as responses from './responses.mjs';
import { bearer, demand } from './wire.mjs';

export const azure = {
  ...chat,
  name: 'azure',
  matches: (path) => /^\/openai\/deployments\/[^/]+\/chat\/completions$/.test(path),
  key: (headers) => headers['api-key'],
  streams: (body, url) => {
    demand(/^\d{4}-\d\d-\d\d(-preview)?$/.test(url.searchParams.get('api-version')), 'api-version is required');
    return chat.streams(body);
  },
};

export const azureResponses = {
  ...responses,
  name: 'azure responses',
  matches: (path) => path === '/openai/v1/responses',
  key: (headers) => headers['api-key'],
};

const place = '/v1/projects/p-1/locations/europe-west4/publishers';

export const vertex = {
  ...gemini,
  name: 'vertex',
  matches: (path) => path.startsWith(`${place}/google/models/`),
  key: bearer,
};

export const vertexClaude = {
  ...messages,
  name: 'vertex claude',
  matches: (path) => path.startsWith(`${place}/anthropic/models/`),
  key: bearer,
  streams: (_, url) => url.pathname.endsWith(':streamRawPredict'),
  check(body, headers) {
    demand(!('model' in body), 'model: Extra inputs are not permitted');
    demand(headers['anthropic-version'] === undefined, 'the version is in the body');
    messages.check({ ...body, model: 'in the path' }, { ...headers, 'anthropic-version': body.anthropic_version?.replace('vertex-', '') });
  },
};
