// The configuration document: fetched once, changed in parts, stored whole with its revision.

import { api, useResource } from '../api.mjs';
import { useState } from './html.mjs';
import { say } from './feedback.mjs';
import { wordsOf } from './ui.mjs';
import { t } from '../strings.mjs';

export function useConfig() {
  const resource = useResource('config');
  const [problems, setProblems] = useState([]);
  /** Stores a changed document; true when it was taken. */
  const store = async (document) => {
    setProblems([]);
    try {
      await api('PUT', 'config', { revision: resource.value.revision, document });
      await resource.reload();
      say(t('Saved.'), { action: { label: t('Undo'), run: undo } });
      return true;
    } catch (error) {
      if (error.status === 422 && error.problems.length > 0) setProblems(error.problems);
      else if (error.status === 422 || error.status === 400) setProblems([{ path: error.field ?? '', message: error.message }]);
      else if (error.status === 409) say(t('Somebody else has changed it meanwhile. Load the page again to see what.'), { tone: 'bad', stay: 10_000 });
      else say(wordsOf(error), { tone: 'bad', stay: 8000 });
      return false;
    }
  };
  const undo = async () => {
    try {
      await api('POST', 'config/undo', {});
      await resource.reload();
      say(t('As it was before.'));
    } catch (error) {
      say(wordsOf(error), { tone: 'bad' });
    }
  };
  return { resource, problems, setProblems, store, undo };
}
