// Which sign-in answers what, host by host, in each provider's own words.

import { createVerify } from 'node:crypto';

/** An answer: status, body, headers. */
export const answer = (status, body = {}, headers = {}) => ({ status, body, headers });

export class Refusal extends Error {
  constructor(status, body, headers = {}) {
    super(JSON.stringify(body));
    Object.assign(this, { status, body, headers });
  }
}

/** Lifetimes in seconds, as the real ones have them. */
export const PROVIDERS = {
  'gemini-cli': { lifetime: 3599, rotates: false, redirects: ['https://codeassist.google.com/authcode'] },
  antigravity: { lifetime: 3599, rotates: false, redirects: ['http://localhost:51121/oauth-callback'] },
  codex: {
    lifetime: 864_000,
    rotates: true,
    redirects: ['http://localhost:1455/auth/callback', 'https://auth.openai.com/deviceauth/callback'],
  },
  claude: { lifetime: 28_800, rotates: true, redirects: ['https://platform.claude.com/oauth/code/callback'] },
  qwen: { lifetime: 21_600, rotates: true, redirects: [] },
  kiro: { lifetime: 3600, rotates: true, redirects: ['kiro://kiro.kiroAgent/authenticate-success'] },
  'kiro-builder-id': { lifetime: 3600, rotates: true, redirects: [] },
  iflow: { lifetime: 172_800, rotates: true, redirects: ['http://localhost:11451/oauth2callback'] },
  kimi: { lifetime: 900, rotates: true, redirects: [] },
  xai: { lifetime: 21_600, rotates: true, redirects: [] },
  vertex: { lifetime: 3599, rotates: false, redirects: [] },
};

const GOOGLE_CLIENTS = {
  '681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com': 'gemini-cli',
  '1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com': 'antigravity',
};
const CLIENTS = {
  codex: 'app_EMoamEEZ73f0CkXaXp7hrann',
  claude: '9d1c250a-e61b-44d9-88ed-5944d1962f5e',
  qwen: 'f0304373b74a44d2b584a3fb70ca9e56',
  iflow: '10009311001',
  kimi: '17e5f671-d194-4dfb-9706-5516cb48c098',
  xai: 'b1a00492-073a-47ea-816f-4c329264a828',
};
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const JWT_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const identity = (claims) => `${part({ alg: 'none' })}.${part(claims)}.x`;

/** The standard's error. */
const plain =
  (status = 400) =>
  (why) =>
    new Refusal(status, { error: 'invalid_grant', error_description: `refresh token or code: ${why}` });
/** OpenAI's. */
const openai = (why) => {
  const code = { reused: 'refresh_token_reused', revoked: 'refresh_token_invalidated' }[why] ?? 'invalid_grant';
  return new Refusal(401, { error: { code, message: `Your refresh token: ${why}`, type: 'invalid_request_error' } });
};
/** Kiro's own sign-in service. */
const kiro = () => new Refusal(401, { message: 'Bad credentials' });

const standard = ({ access, refresh, lifetime }, more = {}) =>
  answer(200, { access_token: access, refresh_token: refresh, token_type: 'Bearer', expires_in: lifetime, ...more });
const camel = ({ access, refresh, lifetime }, more = {}) =>
  answer(200, { accessToken: access, refreshToken: refresh, expiresIn: lifetime, ...more });

const always = (kind) => () => kind;
const grants = (provider) => (fields) =>
  `${provider} ${{ refresh_token: 'refresh', authorization_code: 'exchange', [DEVICE_GRANT]: 'poll' }[fields.grant_type] ?? fields.grant_type}`;

const client = (provider, fields) => {
  if (fields.client_id !== CLIENTS[provider]) throw new Refusal(401, { error: 'invalid_client' });
};

/** The states of a device, as the standard words them. */
const polled = (state, more, shape) => {
  const words = { pending: 'authorization_pending', slow: 'slow_down', denied: 'access_denied', expired: 'expired_token' };
  if (typeof state === 'string') throw new Refusal(400, { error: words[state] ?? 'invalid_grant' });
  return shape(more(state));
};

/** A token endpoint with the standard's names. */
function token(provider, refused, more = () => ({})) {
  return {
    kind: grants(provider),
    answer(oauth, { fields }) {
      client(provider, fields);
      const { grant_type, device_code, code_verifier: verifier } = fields;
      if (grant_type === 'refresh_token') {
        const traded = oauth.trade(provider, fields.refresh_token, refused);
        return standard(traded, more(traded.family));
      }
      if (grant_type === 'authorization_code') {
        const redeemed = oauth.redeem(provider, fields, refused);
        return standard(redeemed, more(redeemed.family));
      }
      if (grant_type !== DEVICE_GRANT) throw new Refusal(400, { error: 'unsupported_grant_type' });
      return polled(oauth.poll(device_code, { verifier }), (family) => [oauth.issue(family), more(family)], (got) => standard(...got));
    },
  };
}

/** A device endpoint with the standard's names. */
function device(provider, verify) {
  return {
    kind: always(`${provider} device`),
    answer(oauth, { fields }) {
      client(provider, fields);
      const { code, user, lifetime, interval } = oauth.device(provider, { challenge: fields.code_challenge, interval: 1 });
      return answer(200, {
        device_code: code,
        user_code: user,
        verification_uri: verify,
        verification_uri_complete: `${verify}?user_code=${user}`,
        expires_in: lifetime,
        interval,
      });
    },
  };
}

const google = {
  kind: (fields) => (fields.grant_type === JWT_GRANT ? 'vertex refresh' : grants(GOOGLE_CLIENTS[fields.client_id])(fields)),
  answer(oauth, { fields }) {
    if (fields.grant_type === JWT_GRANT) return assertion(oauth, fields.assertion);
    const provider = GOOGLE_CLIENTS[fields.client_id];
    const secret = oauth.secrets[provider];
    if (!provider || !fields.client_secret || (secret && secret !== fields.client_secret)) {
      throw new Refusal(401, { error: 'invalid_client', error_description: 'The OAuth client was not found.' });
    }
    const issued =
      fields.grant_type === 'refresh_token'
        ? oauth.trade(provider, fields.refresh_token, plain())
        : oauth.redeem(provider, fields, plain());
    const { status, body } = standard(issued, { scope: 'cloud-platform' });
    // A refresh brings no refresh token.
    if (fields.grant_type === 'refresh_token') delete body.refresh_token;
    else body.id_token = identity({ email: issued.family.email });
    return answer(status, body);
  },
};

function assertion(oauth, text = '') {
  const [head, claims, signature] = text.split('.');
  const { iss, aud, exp, iat } = JSON.parse(Buffer.from(claims, 'base64url'));
  const key = oauth.services.get(iss);
  const right = key && createVerify('RSA-SHA256').update(`${head}.${claims}`).verify(key, signature, 'base64url');
  if (!right || aud !== 'https://oauth2.googleapis.com/token' || exp - iat > 3600) {
    throw new Refusal(400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' });
  }
  const { access, lifetime } = oauth.issue(oauth.account('vertex', { email: iss }));
  return answer(200, { access_token: access, token_type: 'Bearer', expires_in: lifetime });
}

/** A request that needs a token. */
const bearing = (kind, reply) => ({
  kind: always(kind),
  answer(oauth, { bearer, query, fields }) {
    const access = bearer ?? query.get('accessToken');
    if (oauth.judge(access) !== 'ok') throw new Refusal(401, { error: { code: 401, message: 'Invalid Credentials' } });
    return reply(oauth.holder(access), fields, oauth);
  },
});

const codeAssist = {
  'POST /v1internal:loadCodeAssist': bearing('loadCodeAssist', (family) => {
    const tiers = { allowedTiers: [{ id: 'standard-tier' }, { id: 'free-tier', isDefault: true }] };
    if (family.onboarding > 0) return answer(200, tiers);
    return answer(200, { currentTier: { id: 'free-tier' }, ...tiers, cloudaicompanionProject: family.project });
  }),
  'POST /v1internal:onboardUser': bearing('onboardUser', (family, fields) => {
    if (fields.tierId !== 'free-tier') throw new Refusal(400, { error: { code: 400, message: 'no such tier' } });
    family.onboarding -= 1;
    if (family.onboarding > 0) return answer(200, { name: 'operations/1', done: false });
    family.project ??= 'onboarded-project';
    return answer(200, { done: true, response: { cloudaicompanionProject: { id: family.project } } });
  }),
  'POST /v1internal:retrieveUserQuota': bearing('retrieveUserQuota', () =>
    answer(200, {
      buckets: [{ modelId: 'gemini-2.5-pro', tokenType: 'REQUESTS', remainingFraction: 0.5, resetTime: '2030-01-01T00:00:00Z' }],
    }),
  ),
};

const codexClaims = (family) => ({
  id_token: identity({
    email: family.email,
    'https://api.openai.com/auth': { chatgpt_account_id: `account of ${family.email}`, chatgpt_plan_type: 'plus' },
  }),
});

export const HOSTS = [
  { host: /^accounts\.google\.com$/, routes: {}, authorize: (query) => GOOGLE_CLIENTS[query.client_id] },
  { host: /^oauth2\.googleapis\.com$/, routes: { 'POST /token': google } },
  {
    host: /^www\.googleapis\.com$/,
    routes: { 'GET /oauth2/v2/userinfo': bearing('userinfo', ({ email }) => answer(200, { email, verified_email: true })) },
  },
  { host: /cloudcode-pa\.googleapis\.com$/, routes: codeAssist },
  {
    host: /^auth\.openai\.com$/,
    authorize: always('codex'),
    routes: {
      'POST /oauth/token': token('codex', openai, codexClaims),
      'POST /api/accounts/deviceauth/usercode': {
        kind: always('codex device'),
        answer(oauth, { fields }) {
          client('codex', fields);
          const { code, user } = oauth.device('codex', { interval: 1 });
          return answer(200, { device_auth_id: code, user_code: user, interval: '1' });
        },
      },
      'POST /api/accounts/deviceauth/token': {
        kind: always('codex poll'),
        answer(oauth, { fields }) {
          const family = oauth.poll(fields.device_auth_id);
          if (typeof family === 'string') {
            throw new Refusal(403, { error: { code: 'deviceauth_authorization_unknown', message: family } });
          }
          const code = `code of ${fields.user_code}`;
          const redirect = 'https://auth.openai.com/deviceauth/callback';
          const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
          oauth.codes.set(code, { family, redirect, challenge, expires: oauth.now() + 600_000 });
          const code_verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
          return answer(200, { authorization_code: code, code_verifier, code_challenge: challenge });
        },
      },
    },
  },
  { host: /^claude\.ai$/, routes: {}, authorize: always('claude') },
  {
    host: /^platform\.claude\.com$/,
    routes: { 'POST /v1/oauth/token': token('claude', plain(), () => ({ scope: 'user:inference user:profile' })) },
  },
  {
    host: /^api\.anthropic\.com$/,
    routes: {
      'GET /api/oauth/profile': bearing('profile', ({ email }) =>
        answer(200, { account: { uuid: 'account-uuid', email }, organization: { uuid: 'organization-uuid' } }),
      ),
    },
  },
  {
    host: /^chat\.qwen\.ai$/,
    routes: {
      'POST /api/v1/oauth2/device/code': device('qwen', 'https://chat.qwen.ai/authorize'),
      'POST /api/v1/oauth2/token': token('qwen', plain(), () => ({ status: 'success', resource_url: 'portal.qwen.ai' })),
    },
  },
  {
    host: /^prod\.[a-z0-9-]+\.auth\.desktop\.kiro\.dev$/,
    authorize: always('kiro'),
    routes: {
      'POST /oauth/token': {
        kind: always('kiro exchange'),
        answer: (oauth, { fields }) => camel(oauth.redeem('kiro', fields, kiro), { profileArn: 'arn:aws:codewhisperer:x' }),
      },
      'POST /refreshToken': {
        kind: always('kiro refresh'),
        answer: (oauth, { fields }) => camel(oauth.trade('kiro', fields.refreshToken, kiro), { profileArn: 'arn:aws:codewhisperer:x' }),
      },
    },
  },
  {
    host: /^oidc\.[a-z0-9-]+\.amazonaws\.com$/,
    routes: {
      'POST /client/register': {
        kind: always('kiro-builder-id register'),
        answer(oauth) {
          const client = { clientId: `client-${oauth.clients.size}`, clientSecret: `client-secret-${oauth.clients.size}` };
          oauth.clients.set(client.clientId, client.clientSecret);
          return answer(200, { ...client, clientSecretExpiresAt: Math.floor(oauth.now() / 1000) + 90 * 86_400 });
        },
      },
      'POST /device_authorization': {
        kind: always('kiro-builder-id device'),
        answer(oauth, { fields }) {
          registered(oauth, fields);
          const { code, user, lifetime, interval } = oauth.device('kiro-builder-id', { interval: 1 });
          const uri = 'https://device.sso.us-east-1.amazonaws.com/';
          const verificationUriComplete = `${uri}?user_code=${user}`;
          const times = { expiresIn: lifetime, interval };
          return answer(200, { deviceCode: code, userCode: user, verificationUri: uri, verificationUriComplete, ...times });
        },
      },
      'POST /token': {
        kind: (fields) => grants('kiro-builder-id')({ grant_type: fields.grantType }),
        answer(oauth, { fields }) {
          registered(oauth, fields);
          if (fields.grantType === 'refresh_token') return camel(oauth.trade('kiro-builder-id', fields.refreshToken, plain()));
          return polled(oauth.poll(fields.deviceCode), (family) => oauth.issue(family), camel);
        },
      },
    },
  },
  {
    host: /^iflow\.cn$/,
    authorize: always('iflow'),
    routes: {
      'POST /oauth/token': {
        kind: grants('iflow'),
        answer(oauth, context) {
          const { client_id, client_secret } = context.fields;
          const basic = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
          if (!client_secret || context.headers.authorization !== basic) throw new Refusal(401, { error: 'invalid_client' });
          return token('iflow', plain()).answer(oauth, context);
        },
      },
      'GET /api/oauth/getUserInfo': bearing('iflow key', (family, _, oauth) => {
        const apiKey = oauth.key(family, `iflow-key-${family.refreshes}-of-${family.email}`);
        return answer(200, { success: true, data: { apiKey, email: family.email } });
      }),
    },
  },
  {
    host: /^auth\.kimi\.com$/,
    routes: {
      'POST /api/oauth/device_authorization': device('kimi', 'https://www.kimi.com/code/authorize_device'),
      'POST /api/oauth/token': token('kimi', plain(), () => ({ scope: 'kimi-code' })),
    },
  },
  {
    host: /^auth\.x\.ai$/,
    routes: {
      'POST /oauth2/device/code': device('xai', 'https://accounts.x.ai/oauth2/device'),
      'POST /oauth2/token': token('xai', plain(), ({ email }) => ({ id_token: identity({ email }) })),
    },
  },
];

function registered(oauth, { clientId, clientSecret }) {
  if (!clientSecret || oauth.clients.get(clientId) !== clientSecret) throw new Refusal(401, { error: 'invalid_client' });
}
