export const grpcurlPath: string;
export function installGrpcurl(): void;
