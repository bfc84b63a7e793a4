// Our API through @grpc/grpc-js, a client of another make, with messages that
// are serialised by the generated descriptors.

import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'

type Method<I extends DescMessage, O extends DescMessage> =
  | DescMethodUnary<I, O>
  | DescMethodServerStreaming<I, O>

const pathOf = ({ parent, name }: Method<DescMessage, DescMessage>): string =>
  `/${parent.typeName}/${name}`

const codecOf = <I extends DescMessage, O extends DescMessage>({
  input,
  output,
}: Method<I, O>) => ({
  serialize: (init: MessageInitShape<I>) => Buffer.from(toBinary(input, create(input, init))),
  deserialize: (bytes: Buffer) => fromBinary(output, bytes),
})

export function grpcClient(url: string, token: string) {
  const client = new Client(new URL(url).host, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)

  return {
    /** Rejects with grpc-js's ServiceError. */
    call: <I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      message: MessageInitShape<I>,
    ): Promise<MessageShape<O>> => {
      const { serialize, deserialize } = codecOf(method)
      return new Promise((resolve, reject) => {
        const answer = (error: ServiceError | null, value?: MessageShape<O>) =>
          value ? resolve(value) : reject(error)
        client.makeUnaryRequest(pathOf(method), serialize, deserialize, message, metadata, answer)
      })
    },

    stream: <I extends DescMessage, O extends DescMessage>(
      method: DescMethodServerStreaming<I, O>,
      message: MessageInitShape<I>,
    ): AsyncIterable<MessageShape<O>> => {
      const { serialize, deserialize } = codecOf(method)
      return client.makeServerStreamRequest(
        pathOf(method),
        serialize,
        deserialize,
        message,
        metadata,
      )
    },

    close: () => client.close(),
  }
}
