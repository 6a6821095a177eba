// Rules as a file.

import type { JSX } from 'preact';

import type { Rule } from '../api/types';
import { save, stamp } from '../lib/file';
import { plural } from '../lib/format';
import { Button } from '../ui/basics';
import { Dialog } from '../ui/dialog';

export function Exchange({ rules, onClose }: { rules: readonly Rule[];
    onDone: () => void; onClose: () => void }): JSX.Element {
    return (
        <Dialog title="Rules as a file" onClose={onClose} actions={
            <Button icon="save" onClick={() => save(`mutt-rules-${stamp()}.json`,
                'application/json', JSON.stringify({ rules }, null, 2))}>
                Export {plural(rules.length, 'rule')}</Button>}>
            <p>All rules, in the order in which they are tried.</p>
        </Dialog>
    );
}
