// What has been found: accounts without duplicates, client tokens, routes, and what stayed behind.

import { present, text } from './shape.mjs';

/** More than anybody has; a file with more is not what it seems. */
const MOST = 10_000;
/** What the API takes of each: models of an account, routes, candidates of a route, letters of a label. */
const MODELS = 500;
const ROUTES = 500;
const CANDIDATES = 20;
const LABEL = 100;

export class Bundle {
  #accounts = new Map();
  #tokens = [];
  #routes = new Map();
  #fallbacks = new Map();
  #notes = new Set();

  /**
   * Adds an account, or gives what is new about it to the one that has the same credential. Its allow-list grows with
   * each list, and is gone with the first that has none. Returns what is kept, or nothing without a credential.
   */
  account({ provider, credential, enabled, weight, priority, ...rest }) {
    const known = present(credential ?? {});
    const secret = secretOf(known);
    if (secret === undefined && rest.kind !== 'none') return undefined;
    if (this.#accounts.size >= MOST) {
      this.note(`Only the first ${MOST} accounts are taken.`);
      return undefined;
    }
    const identity = JSON.stringify([provider, rest.base_url ?? '', rest.protocol ?? '', secret ?? '']);
    const before = this.#accounts.get(identity);
    if (before !== undefined) {
      const whole = before.allow === undefined || (rest.allow ?? []).length === 0;
      before.allow = whole ? undefined : [...new Set([...before.allow, ...rest.allow])];
      before.credential = { ...known, ...before.credential };
      return before;
    }
    const account = present({
      provider,
      label: rest.label,
      kind: rest.kind ?? 'api_key',
      credential: known,
      priority: priority || undefined,
      // 0 would be off, and is nobody's meaning of a share.
      weight: weight > 1 ? weight : undefined,
      enabled: enabled === false ? false : undefined,
      allow: rest.allow,
      deny: rest.deny,
      base_url: rest.base_url,
      protocol: rest.protocol,
      headers: rest.headers,
      cap: rest.cap || undefined,
      group: rest.group,
    });
    account.credential = known;
    this.#accounts.set(identity, account);
    return account;
  }

  /** Accounts found so far. */
  get accounts() {
    return [...this.#accounts.values()];
  }

  token({ name, ...rest }) {
    this.#tokens.push(present({ name: text(name) ?? `imported ${this.#tokens.length + 1}`, ...rest }));
  }

  /** Adds targets `{ provider, model, weight? }` to the tier of an alias; lower tiers are asked first. */
  route(alias, target, tier = 0) {
    const tiers = this.#routes.get(alias) ?? new Map();
    this.#routes.set(alias, tiers);
    const targets = tiers.get(tier) ?? [];
    tiers.set(tier, targets);
    const same = targets.find((other) => other.provider === target.provider && other.model === target.model);
    if (same === undefined) targets.push(present(target));
    else if (same.weight !== undefined || target.weight !== undefined) {
      same.weight = (same.weight ?? 1) + (target.weight ?? 1);
    }
  }

  /** The tiers of an alias, best first. */
  tiers(alias) {
    const tiers = this.#routes.get(alias);
    return tiers && [...tiers].sort(([one], [other]) => one - other).map(([, targets]) => targets);
  }

  /** When nobody of `from` (a provider, or a pattern of models) can answer, `to` is asked. */
  fallback(from, to) {
    this.#fallbacks.set(from, [...new Set([...(this.#fallbacks.get(from) ?? []), ...to])]);
  }

  /** A sentence about what could not be carried over. Never with a value that could be a secret. */
  note(sentence) {
    this.#notes.add(sentence);
  }

  /** How much there is, for telling what one file brought. */
  counts() {
    return { accounts: this.#accounts.size, tokens: this.#tokens.length, routes: this.#routes.size };
  }

  finish() {
    const aliases = [...this.#routes.keys()].filter((alias) => !isPlain(alias, this.tiers(alias)));
    if (aliases.length > ROUTES) this.note(`Only the first ${ROUTES} routes are taken.`);
    const routes = Object.fromEntries(
      aliases.slice(0, ROUTES).map((alias) => [alias, { tiers: this.#written(alias) }]),
    );
    const config = present({ routes, fallbacks: Object.fromEntries(this.#fallbacks) });
    const accounts = this.accounts.map((account) => this.#fitted(account));
    return {
      accounts,
      tokens: this.#tokens,
      ...(Object.keys(config).length > 0 && { config }),
      notes: [...this.#notes],
    };
  }

  /** The tiers of an alias as the configuration has them: `provider/model`, with a weight where there is one. */
  #written(alias) {
    let left = CANDIDATES;
    const tiers = this.tiers(alias).map((targets) => {
      const taken = targets.slice(0, left).map(({ provider, model, weight }) => {
        const name = `${provider}/${model}`;
        return weight > 1 ? { model: name, weight } : name;
      });
      left -= taken.length;
      if (taken.length < targets.length)
        this.note(`Only the first ${CANDIDATES} candidates of the route ${alias} are taken.`);
      return taken;
    });
    return tiers.filter((targets) => targets.length > 0);
  }

  #fitted(account) {
    const { allow = [], deny = [], label } = account;
    if (allow.length + deny.length > MODELS) {
      this.note(`${account.provider} ${label ?? ''}: only ${MODELS} names of models are taken.`.replace(' :', ':'));
    }
    const fitted = {
      label: label?.slice(0, LABEL),
      deny: deny.slice(0, MODELS),
      allow: allow.slice(0, Math.max(1, MODELS - deny.length)),
    };
    return { ...present({ ...account, ...fitted }), credential: account.credential };
  }
}

/** Whether a route says no more than that somebody has a model of that name. */
function isPlain(alias, tiers) {
  return tiers.length === 1 && tiers[0].every(({ model, weight }) => model === alias && weight === undefined);
}

/** What makes two accounts the same one. A refresh token outlives the access tokens made from it. */
function secretOf(credential) {
  return (
    credential.api_key ?? credential.refresh_token ?? credential.access_token ?? credential.private_key ?? undefined
  );
}
