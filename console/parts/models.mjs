// The names of the models that the accounts offer.

export function namesOf(value) {
  return (value?.items ?? []).map(({ id }) => id);
}
