// A value that has stopped changing.

import { useEffect, useState } from 'preact/hooks';

export function useDebounced<T>(value: T, wait: number): T {
    const [settled, set] = useState(value);
    const text = JSON.stringify(value);

    useEffect(() => {
        const timer = setTimeout(() => set(value), wait);

        return () => clearTimeout(timer);
    }, [text, wait]);
    return settled;
}
