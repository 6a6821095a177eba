import { render } from 'preact';

import './styles/main.css';
import { resume } from './lib/session';
import { App } from './app';

const root = document.getElementById('app');

if (root !== null) {
    render(<App />, root);
    void resume();
}
