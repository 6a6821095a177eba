// What the server says of itself, for every screen.

import type { Health } from '../api/types';
import { store } from './store';

export const health = store<Health | null>(null);
