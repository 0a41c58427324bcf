// What every view is written with.

import { h } from '../vendor/preact.mjs';
import htm from '../vendor/htm.mjs';

export const html = htm.bind(h);
export { Fragment, createContext, render } from '../vendor/preact.mjs';
export { useCallback, useContext, useEffect, useId, useMemo, useRef, useState } from '../vendor/hooks.mjs';
