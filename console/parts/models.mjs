// The names of the models that the accounts offer.

export function namesOf(value) {
  const items = value?.items ?? value?.models ?? value?.data ?? value ?? [];
  return Array.isArray(items) ? items.map((one) => (typeof one === 'string' ? one : (one.id ?? one.name ?? one.model))).filter(Boolean) : [];
}
