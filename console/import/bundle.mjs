// What has been found: accounts without duplicates, client tokens, routes, and what stayed behind.

import { present, text } from './shape.mjs';

/** More than anybody has; a file with more is not what it seems. */
const MOST = 10_000;

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

  /** When everybody with `from` (a model, or `provider/*`) is exhausted, `to` is asked. */
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
    const routes = Object.fromEntries(
      [...this.#routes.keys()]
        .map((alias) => [alias, { tiers: this.tiers(alias) }])
        .filter(([alias, { tiers }]) => !isPlain(alias, tiers)),
    );
    const config = present({ routes, fallbacks: Object.fromEntries(this.#fallbacks) });
    const whole = { accounts: this.accounts.map((account) => ({ ...present(account), credential: account.credential })), tokens: this.#tokens };
    return { ...whole, ...(Object.keys(config).length > 0 && { config }), notes: [...this.#notes] };
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
