// The sign: three gates, the one in the middle raised, and the water that goes through.

import { html } from './html.mjs';

export const Mark = () => html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
  <path class="side" d="M4 3v17M20 3v17" />
  <path class="gate-line" d="M12 2v8" />
  <path class="water" d="M2 17.500c2.500-2.200 4.500-2.200 6.700 0s4.300 2.200 6.600 0 4.500-2.200 6.700 0" />
</svg>`;
