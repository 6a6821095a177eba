// Whether there is little width, as on a phone.

import { useEffect, useState } from 'preact/hooks';

const narrow = matchMedia('(max-width: 48rem)');

export function useNarrow(): boolean {
    const [is, set] = useState(narrow.matches);

    useEffect(() => {
        const change = (): void => set(narrow.matches);

        change();
        narrow.addEventListener('change', change);
        return () => narrow.removeEventListener('change', change);
    }, []);
    return is;
}
