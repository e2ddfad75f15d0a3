interface Bill {
  readonly components: readonly { readonly name: string; readonly version?: string }[];
}
export function missingPackages(bill: Bill, dependencies: Bill, debianPackages: string): string[];
