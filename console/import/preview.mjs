// What may be shown of a bundle before it is sent: never a secret.

/** `sk-…wxyz`: enough to tell two keys apart, and no more than that. */
export function hint(secret) {
  return typeof secret !== 'string' || secret.length < 16 ? '…' : `${secret.slice(0, 3)}…${secret.slice(-4)}`;
}

/** One row for each account. */
export function accounts(bundle) {
  return bundle.accounts.map(({ provider, label, kind, credential, enabled, base_url, allow }) => {
    const { api_key, access_token, refresh_token, private_key_id, expires } = credential;
    return {
      provider,
      label: label ?? '',
      kind,
      hint: kind === 'none' ? '' : hint(api_key ?? access_token ?? refresh_token ?? private_key_id),
      renews: refresh_token !== undefined,
      expires,
      enabled: enabled !== false,
      address: base_url,
      models: allow?.length ?? 0,
    };
  });
}

/** All texts in a bundle that must not be seen by anybody. */
export function secrets(bundle) {
  const open = new Set([
    'expires',
    'email',
    'project_id',
    'region',
    'location',
    'idc_region',
    'auth_method',
    'start_url',
    'resource_url',
  ]);
  open.add('api_version').add('client_email');
  const values = bundle.accounts.flatMap(({ credential }) =>
    Object.entries({ ...credential, ...credential.details, details: undefined })
      .filter(([, value]) => value !== undefined)
      .filter(([name]) => !open.has(name))
      .map(([, value]) => String(value)),
  );
  const keys = bundle.tokens.map(({ key }) => key).filter((key) => key !== undefined);
  return [...new Set([...values, ...keys])].filter((value) => value.length > 0);
}
