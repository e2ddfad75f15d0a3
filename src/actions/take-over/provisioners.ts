/** The provisioners whose volumes can be taken over. */
export const provisioners = ['local-path', 'openebs', 'rawfile', 'reference'] as const;
